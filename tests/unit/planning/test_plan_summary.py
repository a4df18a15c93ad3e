from __future__ import annotations

from cemops.planning.changes import Action, Change, HostPlan, HostStatus, Resource, summarize


def _host(name: str, status: HostStatus) -> HostPlan:
    return HostPlan(
        name,
        status,
        changes=(
            Change(name, Resource.FILE, "httpd.conf", Action.CREATE, "it is not there"),
            Change(name, Resource.MACHINE, name, Action.OPERATOR, "by hand"),
        ),
        error="no" if status is HostStatus.ERROR else None,
    )


def test_steps_of_a_host_in_error_are_not_counted_but_what_people_must_do_is() -> None:
    counts = summarize([_host("gw1", HostStatus.CHANGES), _host("gw2", HostStatus.ERROR)])

    assert (counts["create"], counts["operator"], counts["hosts_changed"]) == (1, 2, 1)
