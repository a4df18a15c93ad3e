"""The shell programs of a scaffolded repository, with a stand-in for cemops: how they pass on what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cemops.execution.new_repository import write_repository
from cemops.rendering.scaffold import scaffold
from tests.unit.rendering.test_scaffold import filled_in

pytestmark = pytest.mark.slow


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A scaffolded repository, and a folder ``programs`` beside it for a stand-in."""
    folder = tmp_path / "estate"
    write_repository(folder, scaffold())
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], timeout=60, check=True)
    (tmp_path / "programs").mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], timeout=60, check=True)
    return folder


def run(repository: Path, program: str, cemops: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a session of its own, as a runner does, with ``cemops`` as the body of cemops."""
    stand_in = repository.parent / "programs" / "cemops"
    stand_in.write_text(f"#!/bin/sh\n{cemops}\n", "utf-8")
    stand_in.chmod(0o755)
    return subprocess.run(
        [program],
        cwd=repository,
        env={
            "PATH": f"{stand_in.parent}:{os.environ['PATH']}",
            "HOME": str(repository.parent),
            "CEMOPS_SSH_KEY": str(repository.parent / "key"),
            **variables,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        start_new_session=True,
    )


@pytest.mark.parametrize(
    ("program", "said", "code"),
    [
        *(("ci/plan.sh", said, code) for said, code in ((0, 0), (1, 1), (2, 0), (3, 3), (64, 64), (130, 130))),
        *(("ci/apply.sh", code, code) for code in (0, 1, 3, 64, 130)),
        *(("ci/drift.sh", code, code) for code in (0, 1, 2, 64)),
    ],
)
def test_exit_codes_are_handed_on_and_changes_in_a_plan_are_no_failure(
    repository: Path, program: str, said: int, code: int
) -> None:
    assert run(repository, program, f"exit {said}").returncode == code


def test_a_cancelled_apply_lets_cemops_finish_and_keeps_what_it_has_made(repository: Path) -> None:
    done = run(
        repository,
        "ci/apply.sh",
        "trap 'ssh-add -l; mkdir inventory/pki; echo new > inventory/pki/new.pem; exit 130' TERM\n"
        "kill -TERM 0\nsleep 5\nexit 99",
    )
    assert done.returncode == 130, done.stderr
    assert "(ED25519)" in done.stdout
    log = subprocess.run(
        ["git", "-C", str(repository), "log", "--format=%s"], capture_output=True, text=True, timeout=60, check=True
    )
    assert log.stdout == "Keep what an apply has made in pki [skip ci]\n"


def test_cemops_gets_the_words_that_the_programs_promise(repository: Path) -> None:
    words = [run(repository, f"ci/{name}.sh", 'echo "$@"').stdout.strip() for name in ("plan", "apply", "drift")]
    assert words == [
        "plan --out cemops.plan --format markdown --detailed-exitcode",
        "apply cemops.plan --yes",
        "drift --detailed-exitcode",
    ]


def test_github_is_told_of_changes_and_gets_the_plan_as_summary(repository: Path, tmp_path: Path) -> None:
    files = {"GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    assert run(repository, "ci/plan.sh", "echo the plan; exit 2", **files).returncode == 0
    assert (tmp_path / "output").read_text("utf-8") == "changes=yes\n"
    assert (tmp_path / "summary").read_text("utf-8") == "the plan\n"


def test_the_hook_stops_a_commit_of_a_wrong_estate_and_no_other(repository: Path) -> None:
    def hook() -> subprocess.CompletedProcess[str]:
        subprocess.run(["git", "-C", str(repository), "add", "-A"], timeout=60, check=True)
        return subprocess.run(
            [sys.executable, "-m", "pre_commit", "run"],
            cwd=repository,
            env={
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "HOME": str(repository.parent),
                "PRE_COMMIT_HOME": str(repository.parent / "hooks"),
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    untouched = hook()
    assert untouched.returncode == 1
    assert "inventory/estate.yaml:" in untouched.stdout  # nobody has filled in the placeholders yet
    estate = repository / "inventory" / "estate.yaml"
    estate.write_text(filled_in(), "utf-8")
    passed = hook()
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "cemops validate" in passed.stdout
    estate.write_text(filled_in().replace("port: 4726", "port: 0"), "utf-8")
    failed = hook()
    assert failed.returncode == 1
    assert "inventory/estate.yaml:" in failed.stdout
