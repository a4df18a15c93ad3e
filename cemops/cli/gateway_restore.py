"""``cemops gateway restore``: bring a gateway back from its backup, in the same transaction as an apply."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from cemops.cli.gateway_names import Name, gateway_of
from cemops.cli.guards import applied_document, exit_code_of, judged_at, pass_guards, stop_if_interrupted
from cemops.cli.judging import stop_on_errors
from cemops.cli.messages import say, say_error
from cemops.cli.options import EstateOption, NoColorOption, NowOption, context_of, reason_of, time_of
from cemops.cli.styled import show_plan
from cemops.errors import UsageError
from cemops.execution.applying_run import apply_session
from cemops.execution.backup_unpacking import unpack
from cemops.execution.estate_context import EstateContext
from cemops.execution.gateway_backup import read_backup
from cemops.execution.planning_run import plan_session
from cemops.execution.restore_run import RestoreRun, restoring
from cemops.execution.restored_parts import WHOLE, Part
from cemops.execution.session import connected
from cemops.execution.windows_gateway_restore import OF_THE_MANAGER
from cemops.model.gateways import Gateway
from cemops.planning.batches import Batch
from cemops.planning.changes import HostStatus

SHOWN_FILES = 5

Output = Annotated[Literal["text", "json"], typer.Option("--format", help="text for people, json for programs.")]


def restore(  # noqa: PLR0913 - one parameter an option
    name: Name,
    *,
    estate: EstateOption = None,
    source: Annotated[
        str,
        typer.Option("--from", metavar="FILE|latest", help="The backup: a file, or the latest one beside the estate."),
    ] = "latest",
    parts: Annotated[
        str,
        typer.Option(
            "--parts",
            metavar="PART,…",
            help="certificates, client-cas, crls, configuration; the rest is today's estate.",
        ),
    ] = "all",
    extract: Annotated[
        Path | None,
        typer.Option(
            "--extract", metavar="DIR", help="Change nothing: unpack the backup, keys and all, into a new folder."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    accept_lockout: Annotated[
        int | None,
        typer.Option(
            "--accept-lockout", metavar="N", min=1, help="Cut off what is listed, N being the number of lines."
        ),
    ] = None,
    override_window: Annotated[
        str | None,
        typer.Option("--override-window", metavar="REASON", help="Restore outside the change windows; recorded."),
    ] = None,
    output: Output = "text",
    now: NowOption = None,
    no_color: NoColorOption = False,
) -> None:
    """Bring a gateway back from a backup, onto its host or a new, empty one: agents know it by its thumbprint again.

    It is staged, rehearsed, switched and checked from outside, as by apply; of smp-8, client CAs and CRLs alone come
    back so, the rest is unpacked with --extract and put back by hand. Exit code 0: done; 1: failed; 3: refused,
    outside the change windows or because agents would be cut off; 64: without --yes and without a terminal.
    """
    context, time = context_of(estate), time_of(now)
    gateway = gateway_of(context, name)
    wanted = _parts(parts)
    file = None if source == "latest" else Path(source)
    if extract is not None:
        _extract(context, gateway, file, extract)
        return
    if not yes and not sys.stdin.isatty():
        raise UsageError("restore asks before it changes anything, and there is no terminal: run it with --yes")
    stop_on_errors(context, time)
    stored = read_backup(context, gateway, file)
    say(f"{name}: backup of {stored.created:%Y-%m-%d %H:%M:%S} UTC, thumbprint {stored.thumbprint or 'not known'}")
    kind = restoring(stored, wanted)
    run = RestoreRun(context, time, window_override=reason_of(override_window), restoring=kind)
    run.recorder.complain = say_error
    judged_at(run, time if now else None)
    with run.recorder.holding("cemops gateway restore"), connected(context, [name], lambda _: None) as session:
        made = plan_session(run, session, [name], lambda _: None)
        if output == "text":
            show_plan(made, color=not no_color, brief=True)
        if made.has_changes:
            pass_guards(run, made, accept_lockout, instead="Leave certificates out of --parts")
            if not yes and not typer.confirm("Restore this gateway?", err=True):
                say("nothing was changed")
                raise typer.Exit(1)
        run.recorder.plan = made
        batches = [Batch("gateway", (host.host,)) for host in made.hosts if host.status is HostStatus.CHANGES]
        applied = apply_session(run, session, batches, say)
    if output == "json":
        typer.echo(json.dumps(applied_document(run, made, applied), indent=2))
    elif applied and all(host.succeeded for host in applied):
        typer.echo(f"Restored: {name}. `cemops plan --limit {name}` tells what the estate wants otherwise.")
    if wanted & OF_THE_MANAGER and kind.by_hand:
        say(_by_hand(name, kind.by_hand))
    stop_if_interrupted(run)
    raise typer.Exit(exit_code_of(run, made, applied))


def _extract(context: EstateContext, gateway: Gateway, file: Path | None, folder: Path) -> None:
    places = unpack(read_backup(context, gateway, file), folder.absolute())
    for place in places:
        typer.echo(place)
    say(f"{gateway.name}: {len(places)} files, private keys among them: remove the folder when they are back in place")


def _by_hand(name: str, files: Sequence[str]) -> str:
    shown = ", ".join(files[:SHOWN_FILES])
    more = f" and {len(files) - SHOWN_FILES} more" if len(files) > SHOWN_FILES else ""
    return (
        f"{name}: left as they are, because they are the gateway's manager's own: {shown}{more}. To put them back: "
        f"`cemops gateway restore {name} --extract DIR`, stop the service, copy them, start it (IG-11)"
    )


def _parts(text: str) -> frozenset[Part]:
    names = {name.strip() for name in text.split(",") if name.strip()}
    if names == {"all"}:
        return WHOLE
    unknown = sorted(names - set(Part))
    if unknown or not names:
        raise UsageError(
            f"--parts {text!r} names {unknown[0] if unknown else 'nothing'}: write all, or some of {', '.join(Part)}"
        )
    return frozenset(Part(name) for name in names)
