from __future__ import annotations

from dataclasses import replace

from cemops.planning.changes import Action, Change, HostPlan, HostStatus, Intent, Plan, PlanWarning, Resource
from cemops.planning.intent import classified, drift_of


def change(name: str, action: Action = Action.UPDATE, value: str = "b") -> Change:
    return Change("gw1", Resource.FILE, name, action, "it differs", before={"sha256": "a"}, after={"sha256": value})


def intents(changes: tuple[Change, ...]) -> list[Intent | None]:
    return [one.intent for one in changes]


def test_what_the_earlier_estate_asks_for_too_is_corrective_and_the_rest_is_intended() -> None:
    found = classified((change("a"), change("b")), (change("b"),))

    assert intents(found) == [Intent.INTENDED, Intent.CORRECTIVE]


def test_the_same_resource_with_another_outcome_is_intended() -> None:
    assert intents(classified((change("a", value="new"),), (change("a", value="old"),))) == [Intent.INTENDED]


def test_before_any_apply_everything_is_intended() -> None:
    assert intents(classified((change("a"),), None)) == [Intent.INTENDED]


def test_steps_of_an_operator_are_neither() -> None:
    assert intents(classified((change("a", Action.OPERATOR),), (change("a", Action.OPERATOR),))) == [None]


def plan(*changes: Change) -> HostPlan:
    return HostPlan("gw1", HostStatus.CHANGES, changes=changes, cut_off=("gw1: agents",), refusals=("no",))


def test_drift_keeps_corrective_changes_alone() -> None:
    intended, drifted = classified((change("a"), change("b")), (change("b"),))
    found = drift_of(plan(intended, drifted), (change("b"), change("c"), change("d", Action.OPERATOR)))

    assert found.changes == (drifted,)
    assert found.status is HostStatus.CHANGES


def test_a_hand_made_change_shows_though_the_estate_asks_for_something_else_there_meanwhile() -> None:
    back = change("a", value="as applied")
    found = drift_of(plan(*classified((change("a", value="new"),), (back,))), (back,))

    assert found.changes == (replace(back, intent=Intent.CORRECTIVE),)


def test_a_host_whose_changes_are_all_intended_has_not_drifted() -> None:
    found = drift_of(plan(*classified((change("a"),), ())), ())

    assert (found.status, found.changes, found.cut_off, found.refusals) == (HostStatus.IN_SYNC, (), (), ())


def test_a_host_that_differs_and_has_no_apply_to_compare_with_is_an_error_that_says_what_to_do() -> None:
    found = drift_of(replace(plan(change("a")), warnings=(PlanWarning("x", "y"),)), None)

    assert (found.status, found.changes, found.cut_off, found.refusals) == (HostStatus.ERROR, (), (), ())
    assert found.error is not None
    assert "no apply of this host is known here" in found.error
    assert "run `cemops apply --limit gw1`" in found.error
    assert "change.store" in found.error


def test_one_host_without_a_past_among_others_fails_the_run() -> None:
    known = drift_of(HostPlan("gw2", HostStatus.IN_SYNC), ())
    made = Plan("northwind", "", "", (known, drift_of(plan(change("a")), None)), "")

    assert made.has_failures


def test_a_host_in_sync_has_not_drifted_whatever_was_applied() -> None:
    in_sync = HostPlan("gw1", HostStatus.IN_SYNC, warnings=(PlanWarning("x", "y"),))
    of_policies = replace(in_sync, cut_off=("agents of a policy that lost its gateways",))

    assert drift_of(of_policies, None) == in_sync
    assert drift_of(of_policies, (change("a"),)) == in_sync


def test_a_host_that_could_not_be_planned_stays_an_error() -> None:
    failed = HostPlan("gw1", HostStatus.ERROR, error="no")

    assert drift_of(failed, None) is failed


def test_what_an_unfinished_apply_left_is_no_drift() -> None:
    waiting = replace(change("current"), unfinished=True)
    found = drift_of(plan(waiting, change("a")), (change("a"),))

    assert (found.status, found.changes, found.cut_off) == (HostStatus.IN_SYNC, (), ())
    assert [warning.code for warning in found.warnings] == ["unfinished-apply"]
