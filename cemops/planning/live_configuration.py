"""What agents can do with a gateway, read out of its httpd.conf: to say what a change takes away from them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cemops.planning.changes import PlanWarning

_ALLOWED = re.compile(r'<ProxyMatch "\(\?i\)\^(?P<target>[^"]+)\$">')
_LISTEN = re.compile(r"^Listen (?:\S+:)?(?P<port>\d+)\b", re.MULTILINE)


def allowed_targets(configuration: str) -> frozenset[str]:
    """Return the ``host:port`` entries of the allow-list, as they read in the estate."""
    return frozenset(found["target"].replace("[.]", ".") for found in _ALLOWED.finditer(configuration))


def listening_ports(configuration: str) -> frozenset[str]:
    """Return the ports on which this configuration listens."""
    return frozenset(found["port"] for found in _LISTEN.finditer(configuration))


def taken_from_agents(live: str, desired: str) -> Iterator[PlanWarning]:
    """Yield what agents can do now and could no longer do: ports to dial, servers to reach."""
    closed = sorted(listening_ports(live) - listening_ports(desired))
    if closed:
        yield PlanWarning(
            "agents-cut-off",
            f"the gateway no longer listens on port {', '.join(closed)}: agents whose policy names it cannot connect "
            "until they have the new port",
            "PO-01",
        )
    removed = sorted(allowed_targets(live) - allowed_targets(desired))
    if removed:
        yield PlanWarning(
            "targets-removed", f"agents can no longer reach {', '.join(removed)} through this gateway", "IG-02"
        )
