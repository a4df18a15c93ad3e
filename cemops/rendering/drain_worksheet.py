"""The worksheet for taking a gateway out of its policies: what a person does in the console, which cemops cannot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cemops.model.gateways import Gateway
from cemops.model.policies import Policy
from cemops.rendering.plan_text import wrapped

_AGENTS_KEEP_IT = (
    "Agents keep the gateway until they have fetched the changed policy: those that are away may need two weeks and "
    "more (CE-05). A policy that is disabled or no longer targets an agent takes nothing from it: the agent keeps the "
    "gateway until it has a direct connection (PO-02). Then take it out of the estate's `policies`."
)


@dataclass(frozen=True)
class Pinned:
    """The thumbprint that agents pinned, and how that is known."""

    thumbprint: str | None
    live: bool = False
    """Whether the gateway shows it now; else it is what the last apply left there."""
    observed: bool = True
    """Whether the gateway could be looked at."""

    def __str__(self) -> str:
        if self.thumbprint is not None:
            return self.thumbprint if self.live else f"{self.thumbprint} (on record)"
        if self.observed:
            return "not known: the gateway has no certificate, and none is on record"
        return "not known: it could not be observed, and none is on record"


def worksheet_document(gateway: Gateway, policies: Sequence[Policy], pinned: Pinned) -> dict[str, Any]:
    """Return the worksheet as data (DESIGN.md, JSON)."""
    return {
        "gateway": gateway.name,
        "remove": {"server": gateway.fqdn, "port": gateway.listen.port, "thumbprint": pinned.thumbprint},
        "policies": [
            {
                "name": policy.name,
                "notification_server": policy.notification_server,
                "enabled": policy.enabled,
                "gateways_left": [name for name in policy.gateways if name != gateway.name],
            }
            for policy in policies
        ],
    }


def worksheet_text(gateway: Gateway, policies: Sequence[Policy], pinned: Pinned) -> str:
    """Return the worksheet for people."""
    return "".join(f"{line}\n" for line in _lines(gateway, policies, pinned))


def _lines(gateway: Gateway, policies: Sequence[Policy], pinned: Pinned) -> Iterator[str]:
    yield f"Take {gateway.name} out of rotation. cemops cannot edit policies: do this in the console."
    yield ""
    yield "Remove this gateway (PO-01):"
    yield f"  server      {gateway.fqdn}"
    yield f"  port        {gateway.listen.port}"
    yield f"  thumbprint  {pinned}"
    yield ""
    if not policies:
        yield "No policy of the estate lists it: look in the console for one that does."
    for number, policy in enumerate(policies, start=1):
        left = [name for name in policy.gateways if name != gateway.name]
        state = "" if policy.enabled else " (disabled)"
        what = f"{number}. In policy {policy.name!r}{state} on {policy.notification_server}: remove it, save."
        yield from wrapped(what, further="   ")
        if left:
            yield from wrapped(f"Left in this policy: {', '.join(left)}.", "   ")
        elif policy.enabled:
            lost = "It is the last gateway of this policy: its agents outside lose Cloud-enabled Management."
            yield from wrapped(lost, "   ")
    yield ""
    yield from wrapped(_AGENTS_KEEP_IT)
