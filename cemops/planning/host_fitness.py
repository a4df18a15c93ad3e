"""Whether a host can carry its gateway: httpd, FIPS, clock, limits, and names that resolve as they should."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cemops.model.gateways import Gateway
from cemops.model.observed import ObservedGateway
from cemops.planning.changes import PlanWarning
from cemops.planning.clocks import clock_warnings
from cemops.planning.name_resolution import is_listed, judge_name
from cemops.planning.sizing import Sizing


@dataclass(frozen=True)
class Wanted:
    """What a gateway asks of its host. ``hosts``: the listed names; ``on_loopback``: a lab, they may be loopback."""

    gateway: Gateway
    sizing: Sizing
    hosts: Sequence[str]
    on_loopback: bool


@dataclass(frozen=True)
class Fitness:
    """Errors stop the apply of this host; warnings are shown."""

    errors: tuple[str, ...]
    warnings: tuple[PlanWarning, ...]


def judge_host(wanted: Wanted, observed: ObservedGateway) -> Fitness:
    """Judge the host of a gateway."""
    gateway = wanted.gateway
    errors = [*_software_errors(gateway, observed), *_account_errors(gateway, observed)]
    warnings = [
        *_limit_warnings(gateway, wanted.sizing, observed),
        *clock_warnings(observed.clock, observed.observer_clock),
    ]
    for host in wanted.hosts:
        judged = judge_name(
            host,
            observed.resolved.get(host, ()),
            observed.own_addresses,
            on_loopback=wanted.on_loopback,
            listed_already=is_listed(host, observed.live_files.get("httpd.conf", "")),
        )
        errors += [judged.error] if judged.error else []
        warnings += [judged.warning] if judged.warning else []
    return Fitness(tuple(errors), tuple(warnings))


def _software_errors(gateway: Gateway, observed: ObservedGateway) -> Iterable[str]:
    if observed.httpd is None:
        yield (
            "there is no httpd on the host: install it (Debian: apt-get install apache2; "
            "RHEL: dnf install httpd mod_ssl)"
        )
    elif observed.httpd.missing_modules:
        yield (
            f"httpd lacks the modules {', '.join(observed.httpd.missing_modules)}: install them "
            "(Debian: apache2-bin; RHEL: mod_ssl, httpd-core)"
        )
    if observed.openssl is None:
        yield "there is no openssl command on the host: install openssl"
    if gateway.fips and not observed.fips_provider:
        yield "fips is declared, but the host's OpenSSL has no FIPS provider: install one, or set fips: false (IG-07)"


def _account_errors(gateway: Gateway, observed: ObservedGateway) -> Iterable[str]:
    if observed.uid == 0 and gateway.service.account in (None, "root"):
        yield "the gateway would run as root: set service.account (IG-07)"
    if observed.uid != 0 and gateway.service.manager == "systemd":
        yield "systemd units need root: connect as root, use become: sudo, or set service.manager: direct"
    if observed.uid != 0 and gateway.listen.port < 1024:  # noqa: PLR2004 - the kernel's privileged ports
        yield f"port {gateway.listen.port} needs root: connect as root, use become: sudo, or choose a port from 1024 on"


def _limit_warnings(gateway: Gateway, sizing: Sizing, observed: ObservedGateway) -> Iterable[PlanWarning]:
    limits = observed.limits
    wanted = f"{gateway.capacity.concurrent_connections} connections"
    if limits.pid_max is not None and limits.pid_max < sizing.pid_max:
        yield PlanWarning(
            "limit-too-low",
            f"kernel.pid_max is {limits.pid_max}, {wanted} need {sizing.pid_max}: raise it with sysctl",
            "IG-04",
        )
    if gateway.service.manager == "direct" and limits.nofile_hard is not None and limits.nofile_hard < sizing.nofile:
        yield PlanWarning(
            "limit-too-low",
            f"a process may open {limits.nofile_hard} files, {wanted} need {sizing.nofile}: raise nofile",
            "IG-04",
        )
