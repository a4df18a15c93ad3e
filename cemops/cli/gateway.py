"""``cemops gateway``: backup, restore, drain of gateways (IG-11). Here: the group, and backup."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import gevent
import typer

from cemops.cli.gateway_drain import drain
from cemops.cli.gateway_names import not_for_cemops
from cemops.cli.gateway_restore import restore
from cemops.cli.messages import progress, say_error
from cemops.cli.options import EstateOption, LimitOption, context_of, names_of
from cemops.errors import CemopsError, UsageError
from cemops.execution.backup_folder import BackupFolder
from cemops.execution.estate_context import EstateContext
from cemops.execution.gateway_backup import TakenBackup, backup_folder, kept, new_seal, read_gateway
from cemops.execution.planning_run import wanted_hosts
from cemops.execution.session import connected
from cemops.model.gateways import Gateway

Output = Annotated[Literal["text", "json"], typer.Option("--format", help="text for people, json for programs.")]

gateway_app = typer.Typer(
    name="gateway",
    help="Back up, restore and drain gateways.",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add the command group to ``app``."""
    gateway_app.command("restore")(restore)
    gateway_app.command("drain")(drain)
    app.add_typer(gateway_app)


@dataclass(frozen=True)
class _Outcome:
    """What came of one gateway's backup."""

    gateway: str
    taken: TakenBackup | None = None
    error: str | None = None
    skipped: bool = False

    def document(self) -> dict[str, Any]:
        taken = self.taken
        return {
            "gateway": self.gateway,
            "result": "made" if taken else "skipped" if self.skipped else "failed",
            "file": str(taken.file) if taken else None,
            "created": taken.backup.created.isoformat() if taken else None,
            "release": taken.backup.release if taken else None,
            "thumbprint": taken.backup.thumbprint if taken else None,
            "error": self.error,
        }


@gateway_app.command("backup")
def backup(
    *,
    estate: EstateOption = None,
    limit: LimitOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write below DIR. [default: .cemops/backups beside the estate]"),
    ] = None,
    output: Output = "text",
) -> None:
    """Back gateways up while they serve: certificate with key, client CAs, CRLs, configuration, in one encrypted file.

    pki.passphrase encrypts it: keep that passphrase elsewhere. Exit code 1 where a gateway could not be backed up.
    """
    context = context_of(estate)
    wanted = set(wanted_hosts(context.estate, names_of(limit)))
    gateways = [gateway for gateway in context.estate.gateways if gateway.name in wanted]
    if not gateways:
        raise UsageError("--limit names no gateway: name gateways, or leave it out for all of them")
    outcomes = [_Outcome(one.name, error=why, skipped=not limit) for one in gateways if (why := not_for_cemops(one))]
    outcomes += _taken(context, [one for one in gateways if not not_for_cemops(one)], out)
    ordered = sorted(outcomes, key=lambda outcome: [one.name for one in gateways].index(outcome.gateway))
    for outcome in ordered:
        if outcome.error:
            say_error(f"{outcome.gateway}: {outcome.error}")
        elif output == "text" and outcome.taken:
            typer.echo(f"{outcome.gateway}: {outcome.taken.file}")
    if output == "json":
        typer.echo(json.dumps({"schema": 1, "backups": [outcome.document() for outcome in ordered]}, indent=2))
    raise typer.Exit(1 if any(outcome.taken is None and not outcome.skipped for outcome in outcomes) else 0)


def _taken(context: EstateContext, gateways: list[Gateway], out: Path | None) -> list[_Outcome]:
    if not gateways:
        return []
    names = [gateway.name for gateway in gateways]
    seal = new_seal(context, names)
    folder = BackupFolder(out.absolute()) if out else backup_folder(context)
    with progress("Backing up", len(names)) as lines, connected(context, names, lambda _: None) as session:
        hosts = {host.name: host for host in session.hosts}

        def one(gateway: Gateway) -> _Outcome:
            try:
                if gateway.name not in hosts:
                    return _Outcome(gateway.name, error=session.errors.get(gateway.name, "it cannot be reached"))
                return _Outcome(gateway.name, kept(read_gateway(context, hosts[gateway.name], gateway), folder, seal))
            except CemopsError as error:
                return _Outcome(gateway.name, error=str(error))
            finally:
                lines.done(f"{gateway.name}: looked at")

        jobs = [gevent.spawn(one, gateway) for gateway in gateways]
        gevent.joinall(jobs, raise_error=True)
        return [job.value for job in jobs]
