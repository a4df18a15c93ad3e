"""Plan files: what ``cemops plan --out FILE`` writes and ``cemops apply FILE`` reads: JSON without a secret.

The file holds the plan as ``plan --format json`` prints it, and where it comes from: estate, revision, who, when. A
digest over all of it finds files that were cut or edited.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from cemops import __version__
from cemops.errors import CemopsError, RefusedError
from cemops.execution.estate_context import EstateContext
from cemops.planning.changes import Action, Plan
from cemops.planning.saved_plan import PlannedChange, SavedPlan, estate_digest
from cemops.rendering.plan_json import plan_document

SCHEMA = 1
KIND = "cemops plan"
MAX_BYTES = 256 * 1024 * 1024
_GIT_SECONDS = 10


def write_plan_file(path: Path, plan: Plan, context: EstateContext) -> None:
    """Write a plan for a later apply: beside its place, then moved into it. Raises CemopsError."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "kind": KIND,
        "cemops": __version__,
        "estate_digest": estate_digest(context.estate),
        "git": revision(context.folder),
        "made_by": {"user": _user(), "host": platform.node()},
        "observed": {host.host: host.observed_digest for host in plan.hosts if host.observed_digest},
        "plan": plan_document(plan),
    }
    document["digest"] = _digest(document)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise CemopsError(f"{path} cannot be written ({error.strerror}): choose another place") from None


def read_plan_file(path: Path) -> SavedPlan:
    """Read a plan file. Raises RefusedError (3) for one that was cut or edited, CemopsError for what is none."""
    document = _document(path)
    if document.get("schema") != SCHEMA:
        raise RefusedError(
            f"{path} was written by another version of cemops ({document.get('cemops')}): make it anew with "
            f"`cemops plan --out {path}`"
        )
    if document.get("digest") != _digest({name: part for name, part in document.items() if name != "digest"}):
        raise RefusedError(
            f"{path} was edited or damaged after it was written, so it is no evidence of what was agreed to: make it "
            f"anew with `cemops plan --out {path}`"
        )
    try:
        plan = document["plan"]
        return SavedPlan(
            plan_id=str(plan["plan_id"]),
            estate=str(plan["estate"]),
            created=_aware(datetime.fromisoformat(plan["created"])),
            estate_digest=str(document["estate_digest"]),
            observed={str(host): str(digest) for host, digest in document["observed"].items()},
            changes=tuple(
                _change(host["host"], change)
                for host in plan["hosts"]
                for change in host["changes"]
                if change["action"] != str(Action.OPERATOR)
            ),
            hosts=tuple(str(host["host"]) for host in plan["hosts"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise CemopsError(f"{path} is no plan: make one with `cemops plan --out {path}`") from None


def revision(folder: Path) -> dict[str, Any] | None:
    """Return git's revision of a folder and whether it has changes that are not committed; None without git."""
    head = _git(folder, "rev-parse", "HEAD")
    if head is None:
        return None
    return {"revision": head.strip(), "dirty": bool(_git(folder, "status", "--porcelain"))}


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],  # noqa: S607 - the operator's own git
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout if done.returncode == 0 else None


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        return f"uid {os.getuid()}"


def _document(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CemopsError(f"{path} is larger than any plan: is it the right file?")
        document = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise CemopsError(
            f"{path} cannot be read ({error.strerror}): make it with `cemops plan --out {path}`"
        ) from None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise CemopsError(f"{path} is no plan, or a cut one: make it with `cemops plan --out {path}`")
    return document


def _change(host: str, change: Mapping[str, Any]) -> PlannedChange:
    before, after, diff = change["before"], change["after"], change["diff"]
    if not all(one is None or isinstance(one, dict) for one in (before, after)) or not isinstance(diff, str | None):
        raise TypeError
    return PlannedChange(str(host), str(change["id"]), str(change["action"]), before, after, diff)


def _aware(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise ValueError
    return time


def _digest(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
