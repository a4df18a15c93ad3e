"""The files of a new estate repository, as ``cemops init`` writes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePosixPath

from cemops import __version__
from cemops.rendering.environment import EscapedText, render_template
from cemops.rendering.estate_schema import estate_schema

TEMPLATES = "scaffold"
SCHEMA_FILE = PurePosixPath(".vscode/estate.schema.json")
RENDERED = tuple(
    PurePosixPath(path)
    for path in (
        ".github/workflows/cemops.yml",
        ".gitignore",
        ".gitlab-ci.yml",
        ".pre-commit-config.yaml",
        ".vscode/settings.json",
        "CODEOWNERS",
        "README.md",
        "ci/apply.sh",
        "ci/comment.py",
        "ci/drift.sh",
        "ci/keep_pki.sh",
        "ci/plan.sh",
        "ci/with_ssh_key.sh",
        "config.py",
        "deploys/agent_site.py",
        "deploys/gateway.py",
        "deploys/site_servers.py",
        "group_data/gateways.py",
        "inventory/__init__.py",
        "inventory/estate.yaml",
    )
)
"""Each is ``templates/scaffold/<path>.j2``."""


@dataclass(frozen=True)
class NewFile:
    """A file to write: where, below the repository's folder, and what."""

    path: PurePosixPath
    text: str

    @property
    def executable(self) -> bool:
        """Whether it is a program that the pipelines start by its name."""
        return self.path.suffix == ".sh"


def scaffold() -> tuple[NewFile, ...]:
    """Return every file of a new estate repository, by path."""
    values = {"version": EscapedText(__version__)}
    rendered = [NewFile(path, render_template(f"{TEMPLATES}/{path}.j2", values)) for path in RENDERED]
    schema = NewFile(SCHEMA_FILE, json.dumps(estate_schema(), indent=2, ensure_ascii=False) + "\n")
    return tuple(sorted([*rendered, schema], key=lambda file: file.path))
