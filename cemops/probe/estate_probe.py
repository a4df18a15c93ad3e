"""Probe gateways of an estate: from the estate file's words to the report."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from cemops.errors import CemopsError
from cemops.probe.checks import CheckId, CheckResult, ProbeReport, Verdict
from cemops.probe.estate_subject import EstateSide, probe_subject
from cemops.probe.run import DEFAULT_TIMEOUT, probe_gateways
from cemops.probe.streams import endpoint_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cemops.model.gateways import Gateway
    from cemops.probe.subject import ProbeSubject


def probe_estate(
    side: EstateSide,
    gateways: Sequence[Gateway],
    *,
    timeout: float = DEFAULT_TIMEOUT,
    thumbprints: Mapping[str, str] = MappingProxyType({}),
) -> ProbeReport:
    """Probe ``gateways``, each attempt within ``timeout`` seconds; results in their order.

    ``thumbprints``, by gateway, replace those that are known or declared.
    A gateway that cannot be probed (no address, no server listed) is a failed check, not an error: the others
    are probed all the same.
    """
    subjects: list[ProbeSubject] = []
    impossible: dict[str, CheckResult] = {}
    for gateway in gateways:
        try:
            subject = probe_subject(side, gateway, thumbprints.get(gateway.name))
        except CemopsError as error:
            impossible[gateway.name] = _impossible(gateway, error.message)
            continue
        if subject.targets:
            subjects.append(subject)
        else:
            impossible[gateway.name] = _impossible(gateway, "the gateway lists no server: list one (IG-02)")
    results = probe_gateways(subjects, timeout=timeout).results
    return ProbeReport(
        tuple(
            result
            for gateway in gateways
            for result in (
                [impossible[gateway.name]]
                if gateway.name in impossible
                else [one for one in results if one.gateway == gateway.name]
            )
        )
    )


def _impossible(gateway: Gateway, reason: str) -> CheckResult:
    target = endpoint_text(gateway.fqdn, gateway.listen.port)
    return CheckResult(CheckId.TUNNEL_ALLOWED, gateway.name, target, Verdict("fail", f"could not be checked: {reason}"))
