"""Runs the jobs of a scaffolded repository's pipelines as GitLab and GitHub would: every shell step, in a shell.

Each job gets a fresh checkout of a bare repository, an environment that holds nothing but what the CI sets, and the
artifacts of earlier jobs. What the two services decide themselves (rules, approvals) is not played here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cemops.lab.python_process import import_path

JOB_SECONDS = 300
GITHUB_WORKFLOW = ".github/workflows/cemops.yml"
_EXPRESSION = re.compile(r"\$\{\{ *([\w.-]+) *\}\}")


@dataclass(frozen=True)
class Ran:
    """What a job came to: its exit code, its log, and its checkout as it was left."""

    code: int
    log: str
    folder: Path
    outputs: Mapping[str, str] = field(default_factory=dict)


def git(folder: Path, *words: str) -> str:
    """Run git in a folder and return what it said."""
    who = ("-c", "user.name=operator", "-c", "user.email=operator@localhost")
    done = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class Pipelines:
    """A bare repository, and the artifacts of the jobs that ran on it."""

    origin: Path
    work: Path
    jobs: int = 0

    def checkout(self, branch: str, *, detached: bool) -> Path:
        """Return a fresh clone."""
        self.jobs += 1
        folder = self.work / f"job{self.jobs}"
        git(self.work, "clone", "-q", "--depth", "20", "--branch", branch, f"file://{self.origin}", str(folder))
        if detached:
            git(folder, "checkout", "-q", "--detach")
        return folder

    def document(self, folder: Path, path: str) -> dict[str, Any]:
        """Return a pipeline file of a checkout."""
        document: dict[str, Any] = yaml.safe_load((folder / path).read_text("utf-8"))
        return document

    def gitlab(self, name: str, branch: str, variables: Mapping[str, str]) -> Ran:
        """Run one job of GitLab's file."""
        folder = self.checkout(branch, detached=True)
        job = self.document(folder, ".gitlab-ci.yml")[name]
        for needed in job.get("needs", []):
            shutil.copytree(self.work / "artifacts" / needed["job"], folder, dirs_exist_ok=True)
        ran = _shell(("bash", "-eo", "pipefail"), "\n".join(job["script"]), folder, variables)
        artifacts = job.get("artifacts", {})
        if ran.code == 0 or artifacts.get("when") == "always":
            self._keep(name, folder, [*artifacts.get("paths", []), *artifacts.get("reports", {}).values()])
        return ran

    def github(self, name: str, branch: str, context: Mapping[str, str], variables: Mapping[str, str]) -> Ran:
        """Run one job of GitHub's workflow; ``context`` holds the values of expressions."""
        folder = self.checkout(branch, detached=False)
        workflow = self.document(folder, GITHUB_WORKFLOW)
        command = tuple(workflow["defaults"]["run"]["shell"].removesuffix(" {0}").split())
        output = self.work / f"output{self.jobs}"
        output.touch()
        code, log = 0, ""
        for step in workflow["jobs"][name]["steps"]:
            if code and step.get("if") != "always()":
                continue
            match step.get("uses", "run").partition("@")[0]:
                case "run":
                    own = {key: _evaluated(value, context) for key, value in step.get("env", {}).items()}
                    ran = _shell(command, step["run"], folder, {**variables, **own, "GITHUB_OUTPUT": str(output)})
                    code, log = code or ran.code, log + ran.log
                case "actions/upload-artifact":
                    self._keep(step["with"]["name"], folder, step["with"]["path"].split())
                case "actions/download-artifact":
                    shutil.copytree(self.work / "artifacts" / step["with"]["name"], folder, dirs_exist_ok=True)
                case action:
                    assert action == "actions/checkout", action
        outputs = dict(line.split("=", 1) for line in output.read_text("utf-8").splitlines())
        return Ran(code, log, folder, outputs)

    def artifact(self, name: str, path: str) -> Path:
        """Return where a file of an artifact is."""
        return self.work / "artifacts" / name / path

    def _keep(self, name: str, folder: Path, paths: list[str]) -> None:
        kept = self.work / "artifacts" / name
        shutil.rmtree(kept, ignore_errors=True)
        for path in paths:
            place = kept / path
            place.parent.mkdir(parents=True, exist_ok=True)
            if (folder / path).is_dir():
                shutil.copytree(folder / path, place, dirs_exist_ok=True)
            elif (folder / path).exists():
                shutil.copy(folder / path, place)


def _evaluated(value: str, context: Mapping[str, str]) -> str:
    return _EXPRESSION.sub(lambda found: context.get(found[1], ""), value)


def _shell(command: tuple[str, ...], script: str, folder: Path, variables: Mapping[str, str]) -> Ran:
    programs = f"{Path(sys.executable).parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    done = subprocess.run(
        [*command, "-c", script],
        cwd=folder,
        env={"PATH": programs, "HOME": str(home), "LANG": "C.UTF-8", "PYTHONPATH": import_path(), **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=JOB_SECONDS,
        check=False,
    )
    assert "Traceback" not in done.stdout, done.stdout
    return Ran(done.returncode, done.stdout, folder)


def new_repository(work: Path, lab_estate: Path, passphrase: str, store: str) -> Pipelines:
    """Scaffold a repository by ``cemops init``, put a lab's estate into it, and push it to a bare one.

    The estate is changed as a pipeline wants it: the SSH key comes from an agent, the passphrase and the URL of the
    common store from the environment.
    """
    folder = work / "scaffolded"
    subprocess.run(
        [sys.executable, "-m", "cemops", "init", str(folder)],
        env={**os.environ, "PYTHONPATH": import_path()},
        capture_output=True,
        timeout=60,
        check=True,
    )
    estate = yaml.safe_load(lab_estate.read_text("utf-8"))
    del estate["credentials"]["lab-login"]["private_key_file"]
    estate["pki"]["passphrase"] = f"env:{passphrase}"
    estate["change"] = {"store": f"env:{store}"}
    (folder / "inventory/estate.yaml").write_text(yaml.safe_dump(estate, sort_keys=False), "utf-8")
    shutil.copytree(lab_estate.parent / "certs", folder / "inventory" / "certs")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "The estate")
    origin = work / "origin.git"
    git(work, "clone", "-q", "--bare", str(folder), str(origin))
    git(folder, "remote", "add", "origin", str(origin))
    return Pipelines(origin, work)
