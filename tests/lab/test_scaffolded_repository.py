"""A repository of ``cemops init``, worked with as its README says: the steps of both pipelines, run on a lab.

Each job is a runner of its own, a fresh clone that remembers nothing; what they share is a store in PostgreSQL.
The tests of each class stand in the order of a change's life and build on each other.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from cemops.lab.estate_lab import Lab, take_down
from cemops.lab.python_process import import_path
from tests.functional.store.postgresql_server import PASSWORD, server_running
from tests.lab.comment_server import TOKEN, CommentServer, comment_server
from tests.lab.pipelines import Pipelines, Ran, git, new_repository

pytestmark = pytest.mark.slow

PASSPHRASE = "pipeline-passphrase-canary"
PUSH = {"CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main"}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab for this module: its tests change it one after another."""
    parent = Path(tempfile.mkdtemp(prefix="cemops-scaffold-"))
    parent.chmod(0o755)
    try:
        yield Lab.up(parent / "lab")
    finally:
        if (parent / "lab").exists():
            take_down(parent / "lab")
        shutil.rmtree(parent)


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """The URL of an empty database that all jobs reach."""
    with server_running() as server:
        yield server.url(server.new_database())


@pytest.fixture(scope="module")
def pipelines(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Pipelines:
    work = tmp_path_factory.mktemp("repository")
    return new_repository(work, lab.estate_file, "CEMOPS_PKI_PASSPHRASE", "CEMOPS_STORE_URL")


@pytest.fixture(scope="module")
def secrets(lab: Lab, store: str) -> dict[str, str]:
    """Variables of the CI: GitLab gives a key as a file."""
    return {
        "CEMOPS_SSH_KEY": str(lab.folder / "secrets/id_ed25519"),
        "CEMOPS_PKI_PASSPHRASE": PASSPHRASE,
        "CEMOPS_STORE_URL": store,
    }


@pytest.fixture(scope="module")
def comments() -> Iterator[CommentServer]:
    with comment_server() as server:
        yield server


def propose(pipelines: Pipelines, branch: str, connections: int, **sections: object) -> None:
    """Commit a change of the estate to a branch: the gateways' capacity, and whole sections."""
    folder = pipelines.checkout("main", detached=False)
    git(folder, "checkout", "-q", "-b", branch)
    file = folder / "inventory/estate.yaml"
    estate = yaml.safe_load(file.read_text("utf-8"))
    for gateway in estate["gateways"]:
        gateway["capacity"]["concurrent_connections"] = connections
    file.write_text(yaml.safe_dump({**estate, **sections}, sort_keys=False), "utf-8")
    git(folder, "commit", "-q", "-am", f"{connections} connections")
    git(folder, "push", "-q", "origin", branch)


def merge(pipelines: Pipelines, branch: str) -> None:
    folder = pipelines.work / f"merge-{branch}"
    git(pipelines.work, "clone", "-q", str(pipelines.origin), str(folder))
    git(folder, "merge", "-q", "--no-ff", f"origin/{branch}")
    git(folder, "push", "-q", "origin", "HEAD:main")


def passed(ran: Ran) -> Ran:
    assert ran.code == 0, ran.log
    return ran


def run_in(folder: Path, command: str, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        shlex.split(command),
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder.parent), "PYTHONPATH": import_path(), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def ends(pid: int) -> bool:
    """Whether a process is gone within 5 s; an agent that only notices that it is alone takes 10."""
    status = Path(f"/proc/{pid}/status")
    for _ in range(100):
        if not status.exists() or "State:\tZ" in status.read_text("utf-8"):
            return True
        time.sleep(0.05)
    return False


def no_secret_in(text: str) -> None:
    assert PASSPHRASE not in text
    assert TOKEN not in text
    assert PASSWORD not in text
    assert quote(PASSWORD, safe="") not in text
    assert "PRIVATE KEY" not in text


class TestGitLab:
    def request(self, comments: CommentServer) -> dict[str, str]:
        where = {"CI_API_V4_URL": comments.url, "CI_PROJECT_ID": "7", "CI_MERGE_REQUEST_IID": "3"}
        return {**where, "CI_DEFAULT_BRANCH": "main", "CEMOPS_COMMENT_TOKEN": TOKEN}

    def test_a_merge_request_is_validated(self, pipelines: Pipelines) -> None:
        propose(pipelines, "first", 55)
        passed(pipelines.gitlab("validate", "first", {}))
        report = json.loads(pipelines.artifact("validate", "gl-code-quality-report.json").read_text("utf-8"))
        assert isinstance(report, list)

    def test_its_plan_is_written_into_one_comment(
        self, pipelines: Pipelines, secrets: dict[str, str], comments: CommentServer
    ) -> None:
        for _ in range(2):
            ran = passed(pipelines.gitlab("plan", "first", {**secrets, **self.request(comments)}))
            no_secret_in(ran.log)
        (comment,) = comments.by_cemops
        assert "6 of 6 hosts to change" in comment
        assert comment.rstrip("\n") == pipelines.artifact("plan", "plan.md").read_text("utf-8").rstrip("\n")
        own = "/projects/7/merge_requests/3/notes"
        assert [one for one in comments.requests if one[0] != "GET"] == [("POST", own), ("PUT", f"{own}/101")]
        no_secret_in(comment)

    def test_a_comment_that_cannot_be_written_is_a_failure_and_none_is_wanted_without_a_token(
        self, pipelines: Pipelines, comments: CommentServer
    ) -> None:
        folder = pipelines.checkout("first", detached=True)
        refused, unwanted = (
            run_in(folder, "python3 ci/comment.py README.md", {**self.request(comments), "CEMOPS_COMMENT_TOKEN": token})
            for token in ("wrong", "")
        )
        assert refused.returncode == 1
        assert "could not be written (HTTP 401): check the rights of CEMOPS_COMMENT_TOKEN" in refused.stderr
        assert unwanted.returncode == 0
        assert "no comment is written: CEMOPS_COMMENT_TOKEN is not set" in unwanted.stderr

    def test_stock_pyinfra_works_in_a_checkout(self, pipelines: Pipelines, secrets: dict[str, str]) -> None:
        folder = pipelines.checkout("first", detached=True)
        pyinfra = Path(sys.executable).parent / "pyinfra"
        done = run_in(folder, f"ci/with_ssh_key.sh {pyinfra} inventory deploys/gateway.py --dry", secrets)
        text = done.stdout + done.stderr
        assert done.returncode == 0, text
        for gateway in ("gw1", "gw2"):
            assert f"[{gateway}]   + create file httpd.conf" in text

    def test_the_saved_plan_of_the_default_branch_is_applied_and_keys_are_committed(
        self, pipelines: Pipelines, secrets: dict[str, str]
    ) -> None:
        merge(pipelines, "first")
        passed(pipelines.gitlab("plan", "main", {**secrets, **PUSH}))
        ran = passed(pipelines.gitlab("apply", "main", {**secrets, **PUSH}))
        assert "Applied: 6 changed." in ran.log
        no_secret_in(ran.log)
        log = git(pipelines.origin, "log", "-1", "--format=%s %an", "main")
        assert log == "Keep what an apply has made in pki [skip ci] cemops\n"
        committed = git(pipelines.origin, "ls-tree", "-r", "--name-only", "main").split()
        assert "inventory/pki/gateways/gw1/key.pem" in committed
        assert not [path for path in committed if path.endswith((".lock", ".plan", ".pfx"))]
        for path in [path for path in committed if path.startswith("inventory/pki/") and path.endswith("key.pem")]:
            text = git(pipelines.origin, "show", f"main:{path}")
            assert text.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----"), path

    def test_the_next_plan_is_empty_and_nothing_has_drifted(
        self, pipelines: Pipelines, secrets: dict[str, str]
    ) -> None:
        ran = passed(pipelines.gitlab("plan", "main", {**secrets, **PUSH}))
        plan = json.loads(pipelines.artifact("plan", "cemops.plan").read_text("utf-8"))
        assert plan["plan"]["summary"]["hosts_changed"] == 0, ran.log
        passed(pipelines.gitlab("drift", "main", {**secrets, **PUSH}))

    def test_a_plan_that_no_longer_holds_fails_with_3_and_its_sentence(
        self, pipelines: Pipelines, secrets: dict[str, str]
    ) -> None:
        for branch, connections in (("second", 60), ("third", 70)):
            propose(pipelines, branch, connections)
        merge(pipelines, "second")
        passed(pipelines.gitlab("plan", "main", {**secrets, **PUSH}))
        merged = git(pipelines.origin, "rev-parse", "main").strip()
        git(pipelines.origin, "update-ref", "refs/heads/main", "third")
        ran = pipelines.gitlab("apply", "main", {**secrets, **PUSH})
        git(pipelines.origin, "update-ref", "refs/heads/main", merged)
        assert ran.code == 3, ran.log
        assert "cemops.plan is not applied: the estate file has changed since the plan was made." in ran.log
        assert "Refused: the sentence above says why" in ran.log

    def test_outside_the_change_window_apply_fails_with_3_and_the_next_one(
        self, pipelines: Pipelines, secrets: dict[str, str]
    ) -> None:
        day = (datetime.now(UTC) + timedelta(days=3)).strftime("%a").lower()
        window = {"name": "later", "days": [day], "start": "12:00", "duration_minutes": 60}
        propose(pipelines, "closed", 80, change_windows=[window])
        passed(pipelines.gitlab("plan", "closed", {**secrets, **PUSH}))
        ran = pipelines.gitlab("apply", "closed", {**secrets, **PUSH})
        assert ran.code == 3, ran.log
        assert "outside" in ran.log
        assert "later" in ran.log
        assert "Nothing was changed" in ran.log

    def test_an_edited_plan_fails_with_3_and_its_sentence(self, pipelines: Pipelines, secrets: dict[str, str]) -> None:
        file = pipelines.artifact("plan", "cemops.plan")
        whole = file.read_text("utf-8")
        file.write_text(whole.replace('"gw1"', '"gw9"'), "utf-8")
        ran = pipelines.gitlab("apply", "main", {**secrets, **PUSH})
        file.write_text(whole, "utf-8")
        assert ran.code == 3, ran.log
        assert "was edited or damaged" in ran.log

    def test_a_hand_on_a_host_fails_the_schedule_with_2_and_a_merge_that_waits_does_not(
        self, pipelines: Pipelines, lab: Lab, secrets: dict[str, str]
    ) -> None:
        waiting = passed(pipelines.gitlab("drift", "main", {**secrets, **PUSH}))
        assert "Nothing has drifted on" in waiting.log
        file = lab.folder / "hosts/gw1/root/current/httpd.conf"
        whole = file.read_text("utf-8")
        file.write_text(f"{whole}# by hand\n", "utf-8")
        ran = pipelines.gitlab("drift", "main", {**secrets, **PUSH})
        file.write_text(whole, "utf-8")
        assert ran.code == 2, ran.log
        assert "gw1: drifted" in ran.log
        assert "-# by hand" in ran.log
        assert "gw2: not drifted" in ran.log
        assert "Somebody has changed hosts since the last apply" in ran.log
        no_secret_in(ran.log)

    def test_a_schedule_that_does_not_reach_the_store_fails_with_1(
        self, pipelines: Pipelines, secrets: dict[str, str]
    ) -> None:
        lost = {**secrets, **PUSH, "CEMOPS_STORE_URL": f"postgresql://x:{quote(PASSWORD, safe='')}@127.0.0.1:1/none"}
        ran = pipelines.gitlab("drift", "main", lost)
        assert ran.code == 1, ran.log
        assert "cannot be reached" in ran.log
        no_secret_in(ran.log)

    def test_an_estate_with_errors_fails_with_its_line(self, pipelines: Pipelines) -> None:
        propose(pipelines, "wrong", 0)
        ran = pipelines.gitlab("validate", "wrong", {})
        assert ran.code == 1
        assert "inventory/estate.yaml:" in ran.log
        assert json.loads(pipelines.artifact("validate", "gl-code-quality-report.json").read_text("utf-8"))

    def test_a_plan_that_could_not_be_made_fails_and_says_so_in_the_comment(
        self, pipelines: Pipelines, secrets: dict[str, str], comments: CommentServer
    ) -> None:
        ran = pipelines.gitlab("plan", "wrong", {**secrets, **self.request(comments)})
        assert ran.code == 1, ran.log
        assert comments.by_cemops == [
            "<!-- cemops plan -->\n**No plan could be made** (exit code 1): see the log of the job.\n"
        ]


class TestGitHub:
    """After GitLab's: main declares what the gateways do not have yet."""

    @pytest.fixture
    def context(self, lab: Lab, store: str) -> dict[str, str]:
        """Values of expressions: GitHub gives a key as text."""
        return {
            "secrets.CEMOPS_STORE_URL": store,
            "secrets.CEMOPS_SSH_KEY": (lab.folder / "secrets/id_ed25519").read_text("utf-8"),
            "secrets.CEMOPS_PKI_PASSPHRASE": PASSPHRASE,
            "github.token": TOKEN,
        }

    def variables(self, comments: CommentServer) -> dict[str, str]:
        return {"GITHUB_API_URL": comments.url, "GITHUB_REPOSITORY": "we/estate", "GITHUB_REF_NAME": "main"}

    def test_a_pull_request_is_validated_where_it_is_wrong(self, pipelines: Pipelines) -> None:
        passed(pipelines.github("validate", "third", {}, {}))
        wrong = pipelines.github("validate", "wrong", {}, {})
        assert wrong.code == 1
        assert "::error file=inventory/estate.yaml,line=" in wrong.log

    def test_its_plan_is_written_into_one_comment(
        self, pipelines: Pipelines, context: dict[str, str], comments: CommentServer
    ) -> None:
        comments.requests.clear()
        request = {**context, "github.event.pull_request.number": "5"}
        ran = passed(pipelines.github("plan", "third", request, self.variables(comments)))
        assert comments.requests[-1] == ("PATCH", "/repos/we/estate/issues/comments/101")
        assert "hosts to change" in comments.by_cemops[0]
        no_secret_in(ran.log + comments.by_cemops[0])

    def test_without_an_environment_that_somebody_set_up_nothing_is_applied(
        self, pipelines: Pipelines, context: dict[str, str], comments: CommentServer
    ) -> None:
        plan = passed(pipelines.github("plan", "main", context, self.variables(comments)))
        assert plan.outputs == {"changes": "yes"}
        ran = pipelines.github("apply", "main", context, self.variables(comments))
        assert ran.code == 1
        assert "Give the environment cemops-apply required reviewers" in ran.log
        assert "Observing" not in ran.log

    def test_the_approved_plan_is_applied_once_and_the_next_one_is_empty(
        self, pipelines: Pipelines, context: dict[str, str], comments: CommentServer
    ) -> None:
        approved = {**context, "vars.CEMOPS_APPROVAL": "reviewers"}
        ran = passed(pipelines.github("apply", "main", approved, self.variables(comments)))
        no_secret_in(ran.log)
        again = pipelines.github("apply", "main", approved, self.variables(comments))
        assert again.code == 3, again.log
        assert "was applied already, " in again.log
        assert "a plan is applied once" in again.log
        assert passed(pipelines.github("plan", "main", context, self.variables(comments))).outputs == {}
        passed(pipelines.github("drift", "main", context, {}))

    def test_any_checkout_verifies_the_record_of_all(self, pipelines: Pipelines, secrets: dict[str, str]) -> None:
        folder = pipelines.checkout("main", detached=True)
        done = run_in(folder, f"{sys.executable} -m cemops history --verify", secrets)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(": applied, ") == 2
        assert "Nothing was altered: " in done.stdout
        no_secret_in(done.stdout)


def test_keys_that_cannot_be_pushed_fail_the_job_and_say_where_they_are(pipelines: Pipelines) -> None:
    folder = pipelines.checkout("main", detached=True)
    (folder / "inventory/pki/gateways/gw1/new.pem").write_text("new\n")
    git(folder, "remote", "set-url", "origin", str(folder / "nowhere"))
    done = run_in(folder, "ci/keep_pki.sh", PUSH)
    assert done.returncode == 1
    assert "could not be pushed to main: take them from the artifacts of this job" in done.stderr


def test_keys_are_pushed_on_top_of_what_others_have_pushed_meanwhile(pipelines: Pipelines) -> None:
    ours, theirs = (pipelines.checkout("main", detached=True) for _ in range(2))
    (theirs / "README.md").write_text("theirs\n")
    git(theirs, "commit", "-q", "-am", "theirs")
    git(theirs, "push", "-q", "origin", "HEAD:main")
    (ours / "inventory/pki/gateways/gw1/new.pem").write_text("new\n")
    done = run_in(ours, "ci/keep_pki.sh", PUSH)
    assert done.returncode == 0, done.stderr
    assert git(pipelines.origin, "show", "main:README.md") == "theirs\n"
    assert git(pipelines.origin, "show", "main:inventory/pki/gateways/gw1/new.pem") == "new\n"


@pytest.mark.parametrize("key", ["no key at all", "/etc/hostname"])
def test_what_is_no_key_is_refused_in_our_words(pipelines: Pipelines, key: str) -> None:
    folder = pipelines.checkout("main", detached=True)
    done = run_in(folder, "ci/with_ssh_key.sh echo ran", {"CEMOPS_SSH_KEY": key})
    assert (done.returncode, done.stdout) == (1, "")
    assert "CEMOPS_SSH_KEY holds no private key that ssh-add takes" in done.stderr


def test_the_agent_ends_with_the_command_and_the_command_does_not_see_the_key(
    pipelines: Pipelines, secrets: dict[str, str]
) -> None:
    folder = pipelines.checkout("main", detached=True)
    command = """ci/with_ssh_key.sh sh -c 'ssh-add -l; echo "key=$CEMOPS_SSH_KEY pid=$SSH_AGENT_PID"; exit 7'"""
    done = run_in(folder, command, secrets)
    assert done.returncode == 7
    assert "(ED25519)" in done.stdout
    assert "key= pid=" in done.stdout
    assert ends(int(done.stdout.rpartition("pid=")[2]))
