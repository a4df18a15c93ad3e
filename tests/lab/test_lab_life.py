"""A lab comes and goes without a trace, also when it is killed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cemops.errors import CemopsError, RefusedError
from cemops.lab.blueprint import LabSettings
from cemops.lab.estate_lab import Lab, take_down
from cemops.lab.folder import STATE
from cemops.lab.processes import MARKER_VARIABLE
from cemops.lab.report import lab_report

pytestmark = pytest.mark.slow

UP = "import sys; from pathlib import Path; from cemops.lab.estate_lab import Lab; Lab.up(Path(sys.argv[1]))"


def processes_of(folder: Path) -> list[int]:
    """Pids of living processes whose command line, environment or open files name the folder."""
    name = str(folder).encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            texts = [(entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()]
            texts += [str(link.readlink()).encode() for link in (entry / "fd").iterdir()]
        except OSError:
            continue
        if any(name in text for text in texts):
            found.append(int(entry.name))
    return found


def listeners_of(folder: Path) -> list[tuple[str, int]]:
    state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    texts = [address for process in state["processes"] for address in process["addresses"]]
    return [(text.rpartition(":")[0], int(text.rpartition(":")[2])) for text in texts]


def accepts(address: tuple[str, int]) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(address) == 0


def start_up(folder: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", UP, str(folder)], env=environment)


def wait_for_processes(up: subprocess.Popen[bytes], folder: Path, count: int) -> None:
    """Wait until ``count`` processes are recorded, or ``up`` has come to its end."""
    for _ in range(2000):
        try:
            recorded = len(json.loads((folder / STATE).read_text(encoding="utf-8"))["processes"])
        except (FileNotFoundError, NotADirectoryError):
            recorded = -1
        if recorded >= count or up.poll() is not None:
            return
        time.sleep(0.002)
    pytest.fail(f"{count} processes were never recorded")


def test_down_leaves_no_process_no_port_and_no_file(lab_folder: Path) -> None:
    lab = Lab.up(lab_folder)
    listeners = listeners_of(lab_folder)
    assert len(listeners) == 6
    assert all(accepts(address) for address in listeners)
    lab.down()
    assert processes_of(lab_folder) == []
    assert not any(accepts(address) for address in listeners)
    assert list(lab_folder.parent.iterdir()) == []


@pytest.mark.parametrize("recorded", [0, 1, 3, 5])
def test_up_works_after_an_up_that_was_killed_midway(lab_folder: Path, recorded: int) -> None:
    first = start_up(lab_folder)
    try:
        wait_for_processes(first, lab_folder, recorded)
    finally:
        first.kill()
        first.wait()
    strays = set(processes_of(lab_folder))
    if recorded == 5 and lab_report(lab_folder).condition == "running":
        pytest.fail("up came to its end before it was killed")
    with Lab.up(lab_folder):
        assert lab_report(lab_folder).condition == "running"
        assert not strays & set(processes_of(lab_folder))
    assert processes_of(lab_folder) == []


def test_down_clears_an_up_that_was_killed_midway(lab_folder: Path) -> None:
    first = start_up(lab_folder)
    try:
        wait_for_processes(first, lab_folder, 3)
    finally:
        first.kill()
        first.wait()
    assert take_down(lab_folder)
    assert processes_of(lab_folder) == []
    assert not lab_folder.exists()


def test_down_works_after_everything_was_killed(lab: Lab) -> None:
    for pid in processes_of(lab.folder):
        with contextlib.suppress(ProcessLookupError):  # the session that looked at a gateway may end meanwhile
            os.kill(pid, signal.SIGKILL)
    assert take_down(lab.folder)
    assert not lab.folder.exists()


def test_down_finds_processes_that_no_record_names(lab: Lab) -> None:
    (lab.folder / STATE).unlink()
    lab.down()
    assert processes_of(lab.folder) == []


def test_down_ends_what_only_carries_the_marker(lab: Lab) -> None:
    stray = subprocess.Popen(["sleep", "600"], env={**os.environ, MARKER_VARIABLE: str(lab.folder)})
    try:
        lab.down()
        assert stray.poll() is not None or stray.wait(timeout=5) is not None
    finally:
        stray.kill()
        stray.wait()


def test_down_leaves_processes_of_a_lab_with_a_longer_name_alone(lab: Lab) -> None:
    other = subprocess.Popen(["sleep", "600"], env={**os.environ, MARKER_VARIABLE: f"{lab.folder}2"})
    try:
        lab.down()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_read_only_releases_are_removed_and_links_not_followed(lab: Lab) -> None:
    release = lab.folder / "hosts/gw1/root/releases/abc.1"
    release.mkdir(parents=True)
    (release / "httpd.conf").write_text("#\n", encoding="utf-8")
    outside = lab.folder.parent / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (release / "link").symlink_to(outside)
    release.chmod(0o555)
    release.parent.chmod(0o555)
    lab.down()
    assert not lab.folder.exists()
    assert (outside / "kept").exists()


def test_a_second_up_is_refused_and_leaves_the_lab_alone(lab: Lab) -> None:
    before = lab_report(lab.folder)
    with pytest.raises(RefusedError, match=r"runs in .* already"):
        Lab.up(lab.folder)
    assert lab_report(lab.folder) == before


def test_an_up_while_another_is_at_work_is_refused(lab_folder: Path) -> None:
    first = start_up(lab_folder)
    try:
        wait_for_processes(first, lab_folder, 1)
        first.send_signal(signal.SIGSTOP)
        assert first.poll() is None
        with pytest.raises(RefusedError, match="wait until it is done"):
            Lab.up(lab_folder)
    finally:
        first.send_signal(signal.SIGCONT)
        assert first.wait() == 0


def test_a_lab_that_is_no_longer_whole_is_built_anew_and_its_estate_kept(lab: Lab) -> None:
    edited = lab.estate_file.read_text(encoding="utf-8") + "# edited\n"
    lab.estate_file.write_text(edited, encoding="utf-8")
    state = json.loads((lab.folder / STATE).read_text(encoding="utf-8"))
    os.kill(state["processes"][0]["identity"]["pid"], signal.SIGKILL)
    for _ in range(500):
        if lab_report(lab.folder).condition == "partial":
            break
        time.sleep(0.01)
    said: list[str] = []
    Lab.up(lab.folder, tell=said.append)
    assert lab_report(lab.folder).condition == "running"
    assert ["estate.yaml.old" in sentence for sentence in said] == [True]
    assert (lab.folder / "estate.yaml.old").read_text(encoding="utf-8") == edited
    assert "# edited" not in lab.estate_file.read_text(encoding="utf-8")


def test_two_labs_run_side_by_side(lab_folder: Path) -> None:
    with Lab.up(lab_folder / "one") as one, Lab.up(lab_folder / "two") as two:
        assert not set(listeners_of(one.folder)) & set(listeners_of(two.folder))
        assert {port for _, port in listeners_of(one.folder)} == {port for _, port in listeners_of(two.folder)}
        one.down()
        assert lab_report(two.folder).condition == "running"
        Lab.up(lab_folder / "one")
    lab_folder.rmdir()


def test_a_lab_moves_away_from_addresses_in_use(lab_folder: Path) -> None:
    with Lab.up(lab_folder):
        wanted = listeners_of(lab_folder)
    with socket.socket() as other:
        other.bind(wanted[0])
        other.listen()
        with Lab.up(lab_folder):
            assert not set(listeners_of(lab_folder)) & set(wanted)


def test_a_failed_start_ends_what_was_started_and_says_what_the_server_said(
    lab_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cemops.lab.gateway_machine._SSHD_CONFIG", "NoSuchKeyword yes\n")
    with pytest.raises(CemopsError, match=re.compile("sshd of gw1 ended at once; it said: .*NoSuchKeyword|bad conf")):
        Lab.up(lab_folder)
    assert processes_of(lab_folder) == []
    assert lab_report(lab_folder).condition == "stopped"


def test_one_sshd_can_stand_for_many_gateways(lab_folder: Path) -> None:
    with Lab.up(lab_folder, LabSettings(gateways=60, gateways_per_sshd=16)):
        report = lab_report(lab_folder)
        sshds = [one for one in report.processes if one.role == "sshd"]
        assert [len(one.addresses) for one in sshds] == [16, 16, 16, 12]
        assert len({address for one in sshds for address in one.addresses}) == 60
        assert report.condition == "running"


def test_an_interrupted_up_leaves_nothing(lab_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        assert len(processes_of(lab_folder)) == 6
        raise KeyboardInterrupt

    monkeypatch.setattr("cemops.lab.estate_lab.check_login", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Lab.up(lab_folder)
    assert processes_of(lab_folder) == []
    assert not lab_folder.exists()
