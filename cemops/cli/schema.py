"""``cemops schema``: the JSON schemas of the estate file, for editors, and of the outputs, for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cemops.rendering.output_schemas import output_schema

if TYPE_CHECKING:
    from typer import Typer

Subject = Annotated[
    Literal["estate", "plan", "apply", "validate", "probe"],
    typer.Argument(help="The estate file, or what a command prints with --format json."),
]


def register(app: Typer) -> None:
    """Add the command to ``app``."""
    app.command("schema")(schema)


def schema(subject: Subject = "estate") -> None:
    """Print the JSON schema of the estate file, or of an output.

    The schemas are of draft 2020-12; each field says what it means, and in the estate whether anything uses it yet.
    """
    if subject == "estate":
        # Imported where it is asked for: the models of the whole estate come with it.
        from cemops.rendering.estate_schema import estate_schema  # noqa: PLC0415 - see above

        document = estate_schema()
    else:
        document = output_schema(subject)
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
