"""``cemops probe``: what gets through the gateways as an agent sees it, and what does not."""

from __future__ import annotations

import json
import math
import os
import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cemops.cli.colors import colored
from cemops.cli.options import EstateOption, NoColorOption, NowOption, time_of
from cemops.errors import UsageError
from cemops.execution.estate_file import estate_path_from, read_estate
from cemops.probe.estate_probe import probe_estate
from cemops.probe.estate_subject import EstateSide
from cemops.probe.report_text import Style, report_text
from cemops.probe.run import DEFAULT_TIMEOUT
from cemops.secret_store import SecretStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cemops.model.estate import Estate
    from cemops.model.gateways import Gateway

SHORTEST_TIMEOUT = 0.1
LONGEST_TIMEOUT = 600.0

Gateways = Annotated[
    list[str] | None,
    typer.Option("--gateway", metavar="NAME", help="Only this gateway; may be given several times."),
]
Output = Annotated[
    Literal["text", "json", "junit"],
    typer.Option("--format", help="text for people, json for programs, junit for build servers."),
]


def seconds_of(value: str | float) -> float:
    """Return the seconds that ``--timeout`` names. Raises UsageError where it names none that are possible."""
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not SHORTEST_TIMEOUT <= seconds <= LONGEST_TIMEOUT:
        raise UsageError(
            f"--timeout {value!r} is no time that an attempt can have: write seconds, from {SHORTEST_TIMEOUT:g} to"
            f" {LONGEST_TIMEOUT:g}, as in --timeout 10"
        )
    return seconds


Seconds = Annotated[
    float,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        parser=seconds_of,
        help=f"How long one attempt may take, {SHORTEST_TIMEOUT:g} to {LONGEST_TIMEOUT:g} seconds.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("probe")(probe)


def probe(  # noqa: PLR0913, PLR0917 - the options of the contract
    estate: EstateOption = None,
    gateway: Gateways = None,
    output: Output = "text",
    timeout: Seconds = DEFAULT_TIMEOUT,
    no_color: NoColorOption = False,
    now: NowOption = None,
) -> None:
    """Play an agent: what must get through does, nothing else.

    Exit code 1 where a check failed, or where no agent was seen to get through one of the gateways.
    """
    loaded = read_estate(estate_path_from(estate, os.environ))
    side = EstateSide(loaded.estate, loaded.folder, SecretStore(loaded.folder, os.environ), time_of(now))
    report = probe_estate(side, _chosen(loaded.estate, gateway or []), timeout=timeout)
    if output == "json":
        typer.echo(json.dumps(report.as_json(), indent=2))
    elif output == "junit":
        from cemops.probe.report_junit import report_junit  # noqa: PLC0415 - only where it is asked for

        typer.echo(report_junit(report))
    else:
        typer.echo(report_text(report, _style(no_color)), nl=False, color=True)
    if not report.ok:
        raise typer.Exit(1)


def _chosen(estate: Estate, names: Sequence[str]) -> tuple[Gateway, ...]:
    known = {gateway.name: gateway for gateway in estate.gateways}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(
            f"--gateway {unknown[0]}: the estate has no such gateway: choose from {', '.join(known) or 'none'}"
        )
    return tuple(gateway for name, gateway in known.items() if not names or name in names)


def _style(no_color: bool) -> Style:
    wanted = not no_color and colored(sys.stdout)
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return Style(color=wanted, unicode=encoding == "utf8")
