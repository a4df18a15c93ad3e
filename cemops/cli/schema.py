"""``cemops schema``: the JSON schema of the estate file, for editors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from cemops.rendering.estate_schema import estate_schema

if TYPE_CHECKING:
    from typer import Typer


def register(app: Typer) -> None:
    """Add the command to ``app``."""
    app.command("schema")(schema)


def schema() -> None:
    """Print the JSON schema of the estate file, for editors.

    The schema is of draft 2020-12; each field says what it means, and whether anything uses it yet.
    """
    typer.echo(json.dumps(estate_schema(), indent=2, ensure_ascii=False))
