"""Whether a listed name resolves on the gateway, and to something else than the gateway itself (IG-13)."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cemops.planning.changes import PlanWarning


@dataclass(frozen=True)
class NameJudgement:
    """What speaks against a name (nothing is applied), or what the reader must know of it."""

    error: str | None = None
    warning: PlanWarning | None = None


def judge_name(
    host: str, addresses: Sequence[str], own_addresses: Collection[str], *, on_loopback: bool, listed_already: bool
) -> NameJudgement:
    """Judge the addresses of a listed name as the gateway itself resolves it.

    ``on_loopback``: a lab, the name may be loopback. ``listed_already``: the live configuration has the name, so that
    it must not hold up, say, a CRL.
    """
    if not addresses:
        message = (
            f"{host} does not resolve on the gateway: mend its DNS or hosts file, or take the name off the list (IG-13)"
        )
        if listed_already:
            return NameJudgement(warning=PlanWarning("name-unresolved", message, "IG-13"))
        return NameJudgement(message)
    if on_loopback:
        return NameJudgement()
    for address in addresses:
        parsed = ipaddress.ip_address(address.partition("%")[0])
        if parsed.is_loopback or parsed.is_link_local or parsed.is_unspecified:
            return NameJudgement(
                f"{host} resolves to {address} on the gateway, which is the gateway itself: mend its DNS (IG-13)"
            )
        if str(parsed) in own_addresses:
            return NameJudgement(
                f"{host} resolves to {address}, an address of the gateway itself: mend its DNS (IG-13)"
            )
    return NameJudgement()


def is_listed(host: str, configuration: str) -> bool:
    """Tell whether a rendered httpd.conf lists a name."""
    return f"^{host.replace('.', '[.]')}:" in configuration
