"""The plan of one site server's web section, ACC account and persistent connection (SS-01 to SS-05). Pure.

Persistent connection: the setting itself is the platform's, in the console (SS-14); no sign of it on the server is
documented, so nothing is planned for it. A plan speaks of it only where the bindings make it impossible (SS-04).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cemops.model.windows_observed import ObservedWindows
from cemops.planning.changes import PlanWarning
from cemops.planning.windows.account import plan_account
from cemops.planning.windows.bindings import plan_bindings, without_half
from cemops.planning.windows.desired import DesiredSiteServer
from cemops.planning.windows.machine import Machine
from cemops.planning.windows.plan import WindowsPlan, merged


def plan_site_server(desired: DesiredSiteServer, observed: ObservedWindows, now: datetime) -> WindowsPlan:
    """Compare one site server with its machine; ``now`` is the operator's clock (aware, UTC)."""
    machine = Machine(desired.host, observed, now)
    bindings = plan_bindings(machine, desired.bindings)
    warnings = WindowsPlan(warnings=tuple(_web_socket(desired, bindings)))
    return without_half(merged((plan_account(desired, observed), bindings, warnings)))


def _web_socket(desired: DesiredSiteServer, bindings: WindowsPlan) -> Iterator[PlanWarning]:
    https = next(one for one in desired.bindings if one.purpose == "https")
    missing = any(warning.code == "no-binding" and "https binding" in warning.message for warning in bindings.warnings)
    if https.enabled and not missing:
        return
    lost = (
        "persistent connection is on in its settings, but cannot work"
        if desired.persistent_connection
        else ("no persistent connection is possible")
    )
    why = "there is no HTTPS binding" if https.enabled else "HTTPS is off"
    yield PlanWarning(
        "no-web-socket", f"{why} on {desired.host}, so its WebSocket server does not start: {lost}", "SS-04"
    )
