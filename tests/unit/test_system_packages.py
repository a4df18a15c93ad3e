"""What `requirements/system-packages.sh` says and does, with programs that stand for the machine's own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "requirements" / "system-packages.sh"
SERVERS = ("apache2", "sshd", "ssh-keygen", "nft", "openssl", "systemd-analyze")


def machine(folder: Path, *programs: str, uid: int = 0) -> Path:
    """A folder to use as PATH: the shell's own tools, `id`, and the named programs, which record that they ran."""
    folder.mkdir()
    for tool in ("sh", "rm", "cat", "chmod"):
        (folder / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
    for name, text in {
        "id": f"echo {uid}",
        **dict.fromkeys(programs, 'echo "$0 $*" >>"${0%/*}/ran"'),
    }.items():
        program = folder / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    return folder


def run(path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(SCRIPT), *arguments],
        env={"PATH": str(path), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_root_it_names_what_is_missing_and_fails(tmp_path: Path) -> None:
    path = machine(tmp_path / "bin", "apt-get", "sshd", "ssh-keygen", "openssl", uid=1000)
    result = run(path)
    assert result.returncode == 1
    named = [line.strip() for line in result.stderr.splitlines() if line.startswith("  ")]
    assert [name for name in named if name not in {"libnss-wrapper", "postgresql"}] == [
        "apache2",
        "nftables",
        "systemd",
    ]
    assert "needs root" in result.stderr
    assert not (path / "ran").exists()


def test_without_apt_it_says_to_use_the_systems_own_packages(tmp_path: Path) -> None:
    result = run(machine(tmp_path / "bin", "nft"))
    assert result.returncode == 1
    assert "no apt-get" in result.stderr
    assert "openssh-server" in result.stderr


def test_httpd_by_its_other_name_is_enough(tmp_path: Path) -> None:
    result = run(machine(tmp_path / "bin", *SERVERS[1:-1], "httpd"))
    assert "apache2" not in result.stderr


def test_python_without_venv_is_named(tmp_path: Path) -> None:
    path = machine(tmp_path / "bin", uid=1000)
    broken = path / "python3"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    result = run(path, "venv")
    assert result.returncode == 1
    assert "python3-venv" in result.stderr


def test_nothing_is_asked_of_apt_when_nothing_is_missing(tmp_path: Path) -> None:
    path = machine(tmp_path / "bin", "apt-get", "python3")
    result = run(path, "venv")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert "apt-get" not in (path / "ran").read_text(encoding="utf-8")
