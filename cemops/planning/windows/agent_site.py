"""The plan of a Notification Server's CEM agent site (P-02, NS-01, NS-02), and of its console's certificate. Pure.

The console makes the site and registers it with the platform. Where it is missing, the plan says what to enter there,
and everything else waits; ``create: iis`` makes a site that the platform does not know. Name and FQDN are fixed once
the site exists: a site of another name on the agent port, or a certificate that is right but for its name, is taken
for a change of them and refused. The console's site never gets the agent port.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cemops.model.windows_observed import IisSite, ObservedWindows
from cemops.planning.certificate_fitness import issuer_problems, name_problems, use_problems, validity_problems
from cemops.planning.changes import Action, Change, PlanWarning, Resource
from cemops.planning.windows.applications import application_warnings
from cemops.planning.windows.bindings import plan_bindings, without_half
from cemops.planning.windows.desired import DesiredAgentSite
from cemops.planning.windows.endpoints import is_tls
from cemops.planning.windows.machine import Machine
from cemops.planning.windows.placement import place
from cemops.planning.windows.plan import WindowsPlan, merged

NEW_SITE_FOLDER = "C:\\inetpub\\cemops-agent-site"
"""Folder of a site that is made in IIS only: of its own, so that no page of the console is in it (P-02)."""


def plan_agent_site(desired: DesiredAgentSite, observed: ObservedWindows, now: datetime) -> WindowsPlan:
    """Compare an agent site with its Notification Server; ``now`` is the operator's clock (aware, UTC)."""
    machine = Machine(desired.host, observed, now, desired.gateway_thumbprints)
    refused = tuple(_refusals(desired, machine))
    if refused:
        return WindowsPlan(errors=refused)
    site = machine.http_sys.site(desired.site)
    console = () if desired.console is None else (desired.console,)
    if site is None and desired.create == "console":
        return without_half(merged((_console_step(desired), plan_bindings(machine, console))))
    parts = [plan_bindings(machine, (desired.binding, *console), NEW_SITE_FOLDER if site is None else None)]
    if site is None:
        made = any(change.resource is Resource.IIS_SITE for change in parts[0].changes)
        parts.append(WindowsPlan(warnings=(_unknown_to_platform(desired),) if made else ()))
    else:
        served = WindowsPlan(warnings=tuple(_gateways_certificate(desired, machine)))
        parts += [served, WindowsPlan(warnings=tuple(application_warnings(site, desired.last_applications)))]
    return without_half(merged(parts))


def _refusals(desired: DesiredAgentSite, machine: Machine) -> Iterator[str]:
    if desired.console_port == desired.port:
        yield (
            f"console and agent site are declared on the same port {desired.port}: give each its own, gateways must "
            "never lead to the console (IG-02)"
        )
    if desired.console_site.casefold() == desired.site.casefold():
        yield f"console and agent site are declared as the same site {desired.site}: they are two (P-02)"
    console = machine.http_sys.site(desired.console_site)
    if console is not None and _on_port(console, desired.port):
        yield (
            f"the console's site {console.name} has a binding on the agent port {desired.port}: remove it in IIS, "
            "gateways would lead to the console (P-02, IG-02)"
        )
    site = machine.http_sys.site(desired.site)
    if site is not None:
        yield from _fqdn_changed(desired, machine)
        return
    others = [
        other
        for other in machine.observed.sites
        if other.name.casefold() != desired.console_site.casefold() and _on_port(other, desired.port)
    ]
    if len(others) == 1:
        yield (
            f"there is no site {desired.site}, but {others[0].name} has an HTTPS binding on the agent port "
            f"{desired.port}: the name of an agent site cannot be changed once it exists, and a second one is not "
            f"made; declare agent_site.name: {others[0].name}, or another port (NS-02)"
        )


def _on_port(site: IisSite, port: int) -> bool:
    return any(is_tls(binding) and binding.port == port for binding in site.bindings)


def _fqdn_changed(desired: DesiredAgentSite, machine: Machine) -> Iterator[str]:
    """Refuse where the site serves what is declared, but for another name."""
    placed = place((desired.binding,), machine)[0]
    binding, material = placed.binding or placed.old, desired.binding.material
    entry = None if binding is None else machine.http_sys.answering(binding)
    facts = None if entry is None else machine.certificate_of(entry)
    if facts is None or material is None or (material.kind == "issued_by" and material.issuer is None):
        return
    other = (
        *validity_problems(facts, machine.now),
        *use_problems(facts),
        *issuer_problems(facts, material.kind, material.issuer),
    )
    named = [name for name in desired.binding.names if not name_problems(facts, name)]
    names = [name for name in (*facts.dns_names, facts.common_name or "") if "." in name]
    if material.kind in ("issued_by", "self_signed") and names and not other and not named:
        served = ", ".join(dict.fromkeys(names))
        yield (
            f"the agent site {desired.site} serves the certificate {facts.sha1} for {served}, and the estate says "
            f"{desired.fqdn}: the FQDN of an agent site cannot be changed once it exists; correct fqdn, or make a new "
            "site in the console (NS-02)"
        )


def _console_step(desired: DesiredAgentSite) -> WindowsPlan:
    material = desired.binding.material
    if material is None:
        certificate = "none declared"
    elif material.facts is not None:
        certificate = f"{material.kind}, thumbprint {material.facts.sha1}"
    else:
        certificate = material.kind + (f" {material.issuer_name}" if material.issuer_name else "")
    if material is not None and material.problem is not None:
        certificate += f" ({material.problem})"
    after = {
        "name": desired.site,
        "port": desired.port,
        "fqdn": desired.fqdn,
        "alternate_fqdn": desired.alternate_fqdn or "none",
        "certificate_names": ", ".join(desired.binding.names),
        "certificate": certificate,
    }
    values = "; ".join(f"{key}: {value}" for key, value in after.items())
    change = Change(
        desired.host,
        Resource.IIS_SITE,
        desired.site,
        Action.OPERATOR,
        "the agent site does not exist, and only the console registers it with the platform: make it there, in the "
        f"Cloud-enabled Management settings, with {values}. Name and FQDN cannot be changed later; a package refresh "
        "follows, which can take long. Its binding and certificate wait for it (NS-01, NS-02)",
        after=after,
    )
    return WindowsPlan(changes=(change,))


def _unknown_to_platform(desired: DesiredAgentSite) -> PlanWarning:
    return PlanWarning(
        "site-unknown-to-platform",
        f"{desired.site} is made in IIS only (create: iis): it is not registered with the platform, holds none of the "
        "agent interfaces, and no agent can work with it until both are there",
        "NS-02",
    )


def _gateways_certificate(desired: DesiredAgentSite, machine: Machine) -> Iterator[PlanWarning]:
    """Warn where the site serves a gateway's certificate now."""
    binding = place((desired.binding,), machine)[0].binding
    entry = None if binding is None else machine.http_sys.answering(binding)
    gateway = None if entry is None else desired.gateway_thumbprints.get(entry.thumbprint)
    if entry is not None and gateway is not None:
        yield PlanWarning(
            "gateway-certificate",
            f"{desired.site} serves the certificate {entry.thumbprint} of the gateway {gateway}, which must not be "
            "used here: give it one of its own",
            "NS-04",
        )
