"""The applications of an agent site: listed and compared with the last observation, never invented (NS-04, NS-05)."""

from __future__ import annotations

from collections.abc import Iterator

from cemops.model.windows_observed import IisApplication, IisSite
from cemops.planning.changes import PlanWarning

CONSOLE = "console"
"""Part of a path that only the console's pages have: an agent site holds none of them (P-02)."""


def application_warnings(site: IisSite, last: tuple[IisApplication, ...] | None) -> Iterator[PlanWarning]:
    """List what is on the site, or say what has changed since the last observation."""
    for application in site.applications:
        if any(part.lower().startswith(CONSOLE) for part in application.path.split("/")):
            yield PlanWarning(
                "console-on-agent-site",
                f"{site.name} has the application {application.path}, which looks like the console's: an agent site, "
                "which gateways lead to, holds agent interfaces only",
                "P-02",
            )
    if last is None:
        if site.applications:
            listed = ", ".join(sorted(application.path for application in site.applications))
            yield PlanWarning(
                "agent-site-applications",
                f"{site.name} has the applications {listed}: nothing to compare them with yet; what is right is not "
                "documented, so compare them and their settings with another NS's by hand",
                "NS-05",
            )
        return
    before, after = {one.path: one for one in last}, {one.path: one for one in site.applications}
    differences = [
        *(f"{path} is new" for path in sorted(after.keys() - before.keys())),
        *(f"{path} is gone" for path in sorted(before.keys() - after.keys())),
        *(
            f"{path} differs ({_differs(before[path], after[path])})"
            for path in sorted(before.keys() & after.keys())
            if before[path] != after[path]
        ),
    ]
    if differences:
        yield PlanWarning(
            "agent-site-applications",
            f"the applications of {site.name} are not those of the last observation: {'; '.join(differences)}",
            "NS-05",
        )


def _differs(before: IisApplication, after: IisApplication) -> str:
    pairs = {
        "pool": (before.pool, after.pool),
        "folder": (before.physical_path, after.physical_path),
    }
    return ", ".join(f"{key} {old} -> {new}" for key, (old, new) in pairs.items() if old != new)
