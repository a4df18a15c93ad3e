"""What a plan says of one HTTPS binding: why its certificate changes or stays, what waits, and who is cut off."""

from __future__ import annotations

from collections.abc import Iterator

from cemops.model.windows_observed import SslEntry
from cemops.planning.changes import Action, Change, PlanWarning, Resource
from cemops.planning.windows.binding_views import ToBind, of_entry, view
from cemops.planning.windows.endpoints import SiteBinding, endpoint_of, of_iis
from cemops.planning.windows.machine import Machine
from cemops.planning.windows.placement import Placed
from cemops.planning.windows.plan import WindowsPlan
from cemops.planning.windows.situation import Situation


def certificate_change(situation: Situation, bound: ToBind) -> Change:
    """Return the change of an endpoint's certificate, with what it replaces."""
    current, served = situation.current, situation.served
    existing = Action.REPLACE if situation.in_use else Action.UPDATE
    shown = None if situation.placed.binding is None else situation.own
    return Change(
        situation.machine.host,
        Resource.HTTP_SYS_CERTIFICATE,
        str(situation.endpoint),
        Action.CREATE if situation.exact is None else existing,
        situation.reason
        if current is not None or situation.placed.binding is None
        else "http.sys has no certificate for the binding that IIS has there (SS-05)",
        before=None
        if current is None
        else {**view(shown, situation.endpoint, served), "thumbprint": current.thumbprint},
        after={**view(situation.own, situation.endpoint, bound), "thumbprint": bound.shown},
        warnings=tuple(_change_warnings(situation, bound)),
    )


def _change_warnings(situation: Situation, bound: ToBind) -> Iterator[PlanWarning]:
    current = situation.current
    if current is None:
        if situation.placed.binding is not None:
            yield PlanWarning(
                "http-sys-disagrees",
                f"IIS has the binding {situation.own}, but http.sys has no certificate for {situation.endpoint}: "
                "nobody can connect there now",
                "SS-05",
            )
        return
    if not situation.in_use:
        yield PlanWarning(
            "orphaned-entry",
            f"http.sys holds the certificate {current.thumbprint} for {situation.endpoint}, which no binding uses: "
            "it is replaced",
            "SS-05",
        )
    elif situation.machine.serves(current):
        yield PlanWarning(
            "rollout-replaces-binding",
            f"clients that used {situation.endpoint} with the certificate {current.thumbprint} lose it once "
            f"{bound.shown} serves there",
            "SS-05",
        )
    if not situation.machine.serves(current):
        yield _broken(situation, current)
    for other in situation.others:
        yield PlanWarning(
            "shared-endpoint",
            f"{other} is on the same endpoint {situation.endpoint}: its certificate changes too",
            "SS-05",
        )


def _broken(situation: Situation, entry: SslEntry) -> PlanWarning:
    return PlanWarning(
        "http-sys-disagrees",
        f"http.sys names the certificate {entry.thumbprint} for {situation.endpoint}, which is not in LocalMachine\\My "
        "with its private key: nobody can connect there now",
        "SS-05",
    )


def kept_warnings(situation: Situation, bound: ToBind) -> tuple[PlanWarning, ...]:
    """Say that an endpoint keeps another certificate than the estate's, because force_overwrite is off."""
    current = situation.current
    if current is None:
        return ()
    desired = situation.placed.desired
    repair = (
        "rebind it in IIS once the agents have the new one (CE-05)"
        if desired.purpose == "console"
        else "set force_overwrite to replace it"
    )
    if situation.placed.binding is not None:
        warning = PlanWarning(
            "rollout-left-binding",
            f"{situation.own} is left with the certificate {current.thumbprint} instead of {bound.shown} "
            f"(force_overwrite is off): cloud-enabled clients cannot communicate with this server; {repair}",
            "SS-05",
        )
    else:
        users = ", ".join(str(one) for one in situation.machine.http_sys.users(situation.endpoint))
        warning = PlanWarning(
            "endpoint-kept",
            f"{situation.endpoint} keeps the certificate {current.thumbprint}, in use by "
            f"{users or 'another program than IIS'}, instead of {bound.shown} (force_overwrite is off); {repair}",
            "SS-05",
        )
    broken = () if situation.machine.serves(current) else (_broken(situation, current),)
    return (warning, *broken)


def no_binding(machine: Machine, placed: Placed, own: SiteBinding) -> WindowsPlan:
    """Say that there is no certificate to bind, install certificate being off (SS-13)."""
    desired = placed.desired
    repair = {
        "agent-site": "declare one",
        "console": "declare one",
    }.get(desired.purpose, "import it there, or have it delivered (install_certificate, for CEM an Internet site)")
    if placed.binding is not None:
        code, what = "http-sys-disagrees", f"IIS has the binding {own}, but http.sys no certificate that can serve it"
    else:
        code, what = "no-binding", f"{machine.host} gets no {desired.purpose} binding on port {desired.port}"
    return WindowsPlan(
        warnings=(
            PlanWarning(
                code,
                f"{what}: {desired.why_not_installed}, and neither the endpoint nor LocalMachine\\My holds one that "
                f"fits; {repair}",
                "SS-13",
            ),
        )
    )


def waiting(machine: Machine, placed: Placed, own: SiteBinding, current: SslEntry | None) -> WindowsPlan:
    """Name what waits for a certificate that a person has to have made (CE-11)."""
    desired = placed.desired
    if placed.binding is not None and current is not None and not desired.force_overwrite:
        return WindowsPlan()
    served = None if current is None else of_entry(machine, current)
    endpoint = endpoint_of(own.binding)
    exists = placed.binding is not None
    return WindowsPlan(
        changes=(
            Change(
                machine.host,
                Resource.HTTP_SYS_CERTIFICATE if exists else Resource.IIS_BINDING,
                str(endpoint) if exists else f"{own.site} {desired.purpose}",
                Action.OPERATOR,
                f"waits for the certificate for {desired.purpose}: once it is in LocalMachine\\My, the next apply "
                f"{'binds it' if exists else 'makes the binding'} (CE-11)",
                before=view(own if exists else None, endpoint, served),
                after={"iis": str(own), "http_sys": f"{endpoint}: the certificate that is to be made"},
            ),
        )
    )


def cut_off_by_certificate(situation: Situation, bound: ToBind) -> tuple[str, ...]:
    """Say who loses an endpoint when its certificate changes; nobody where it cannot serve now."""
    current = situation.current
    if current is None or not situation.in_use or not situation.machine.serves(current):
        return ()
    desired, host = situation.placed.desired, situation.machine.host
    change = f"certificate {current.thumbprint} -> {bound.shown}"
    lines = []
    if situation.placed.binding is not None:
        lines.append(
            f"{host}: {situation.own.site}, {desired.names[0]}:{desired.port}: {desired.clients} lose it where they "
            f"know only the old one ({change})"
        )
    lines += [
        f"{host}: {other.site}, {other.binding.host or desired.names[0]}:{other.binding.port}: its clients lose it "
        f"where they know only the old one, because it shares {situation.endpoint} ({change})"
        for other in situation.others
    ]
    losing_its_port = bool(situation.taken) and of_iis(current)  # who loses the port has a line for that
    if not lines and not losing_its_port:
        lines.append(f"{host}: another program on {situation.endpoint}: its clients lose it ({change})")
    return tuple(lines)


def cut_off_by_taking(situation: Situation) -> tuple[str, ...]:
    """Say which sites lose their port."""
    desired, current = situation.placed.desired, situation.current
    held = "" if current is None else f" (certificate {current.thumbprint} until now)"
    return tuple(
        f"{situation.machine.host}: {one.site}, {desired.names[0]}:{desired.port}: its clients lose it, the port goes "
        f"to {situation.own.site}{held}"
        for one in situation.taken
    )
