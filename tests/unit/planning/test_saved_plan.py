from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cemops.model.estate import Estate
from cemops.planning.changes import KNOWN_AFTER_APPLY, Action, Change, HostPlan, HostStatus, Plan, Resource
from cemops.planning.saved_plan import PlannedChange, SavedPlan, compare, estate_digest, staleness, uncovered
from tests.unit.sample_estate import sample_data

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ESTATE = Estate.model_validate(sample_data())


def change(name: str = "httpd.conf", **fields: Any) -> Change:
    return replace(
        Change("gw1", Resource.FILE, name, Action.UPDATE, "it differs", before={"sha256": "a"}, after={"sha256": "b"}),
        **fields,
    )


def plan_of(*changes: Change, error: str | None = None) -> Plan:
    host = HostPlan("gw1", HostStatus.CHANGES if changes else HostStatus.IN_SYNC, changes=changes, error=error)
    return Plan("test", "0" * 12, NOW.isoformat(), (host,), "sha256:0")


def saved_of(*changes: Change, **fields: Any) -> SavedPlan:
    found = SavedPlan(
        "0" * 12,
        ESTATE.estate,
        NOW,
        estate_digest(ESTATE),
        {"gw1": "sha256:0"},
        tuple(PlannedChange.of(one) for one in changes if not one.by_operator),
        ("gw1",),
    )
    return replace(found, **fields)


def test_the_same_plan_holds() -> None:
    assert compare(saved_of(change()), plan_of(change())).reasons == ()


def test_a_change_that_the_file_does_not_list_is_refused_by_name() -> None:
    moved = compare(saved_of(change()), plan_of(change(), change("client-ca.pem")))

    assert len(moved.reasons) == 1
    assert "client-ca.pem would be changed, too" in moved.reasons[0]


@pytest.mark.parametrize(
    "other",
    [
        {"after": {"sha256": "c"}},
        {"before": {"sha256": "c"}},
        {"before": None},
        {"action": Action.REPLACE},
        {"after": {"sha256": "b", "mode": "0644"}},
        {"diff": "another"},
    ],
)
def test_a_change_that_is_not_what_was_agreed_to_is_refused(other: Mapping[str, Any]) -> None:
    saved = saved_of(change(diff="the diff"))

    assert compare(saved, plan_of(replace(change(diff="the diff"), **other))).reasons


def test_what_was_known_only_after_apply_agrees_with_what_became_known() -> None:
    planned = change(after={"sha1": KNOWN_AFTER_APPLY, "names": ["a"]}, diff=f"+ {KNOWN_AFTER_APPLY}")

    assert uncovered([PlannedChange.of(planned)], [change(after={"sha1": "AB", "names": ["a"]}, diff="+ AB")]) == []
    assert uncovered([PlannedChange.of(planned)], [change(after={"sha1": "AB", "names": ["b"]}, diff="+ AB")])


def test_of_a_text_that_names_what_is_still_to_be_made_every_other_word_has_to_be_the_same() -> None:
    planned = PlannedChange.of(change(diff=f"+key {KNOWN_AFTER_APPLY}.pem\n+allow a"))

    assert planned.covers(change(diff="+key 0A.pem\n+allow a"))
    for other in ("+key 0A.pem\n+allow b", "+key 0A.pem\n+allow a\n+allow b", "+lock 0A.pem\n+allow a", None):
        assert not planned.covers(change(diff=other))


def test_a_planned_change_that_nothing_asks_for_any_more_is_reported_and_no_reason_to_refuse() -> None:
    moved = compare(saved_of(change(), change("client-ca.pem")), plan_of(change()))

    assert moved.reasons == ()
    assert moved.unnecessary == ("gw1:file:client-ca.pem",)


def test_a_plan_of_which_nothing_is_left_was_applied_already() -> None:
    assert "applied already" in compare(saved_of(change()), plan_of()).reasons[0]


def test_an_empty_plan_of_a_host_in_sync_holds() -> None:
    assert compare(saved_of(), plan_of()).reasons == ()


def test_a_host_that_cannot_be_planned_now_is_not_taken_for_one_that_needs_nothing() -> None:
    assert compare(saved_of(change()), plan_of(error="gw1 cannot be reached")).unnecessary == ()


def test_steps_of_an_operator_are_no_part_of_the_agreement() -> None:
    step = change("worksheet", action=Action.OPERATOR)

    assert compare(saved_of(), plan_of(step)).reasons == ()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"estate": "contoso"}, "for the estate contoso"),
        ({"estate_digest": "sha256:1"}, "estate file has changed"),
        ({"created": NOW - timedelta(hours=25)}, "25 hours old"),
        ({"created": NOW + timedelta(minutes=6)}, "in the future"),
    ],
)
def test_a_stale_plan_says_why(fields: Mapping[str, Any], said: str) -> None:
    (reason,) = staleness(saved_of(**fields), ESTATE, NOW)

    assert said in reason


def test_a_fresh_plan_of_this_estate_is_not_stale() -> None:
    assert staleness(saved_of(created=NOW - timedelta(hours=23)), ESTATE, NOW) == ()


def test_the_digest_of_an_estate_moves_with_what_it_declares_alone() -> None:
    other = Estate.model_validate(sample_data({"gateways.0.listen.port": 8443}))

    assert estate_digest(Estate.model_validate(sample_data())) == estate_digest(ESTATE)
    assert estate_digest(other) != estate_digest(ESTATE)


class Counted(tuple[PlannedChange, ...]):
    """Changes that note which of them were looked at."""

    __slots__ = ()
    looks: ClassVar[list[PlannedChange]] = []

    def __iter__(self) -> Iterator[PlannedChange]:
        for one in super().__iter__():
            self.looks.append(one)
            yield one


@pytest.mark.parametrize("hosts", [10, 200])
def test_each_change_of_a_saved_plan_is_looked_at_once_however_many_hosts_there_are(
    hosts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[PlannedChange] = []
    covers = PlannedChange.covers

    def counted(one: PlannedChange, now: Change) -> bool:
        compared.append(one)
        return covers(one, now)

    monkeypatch.setattr(PlannedChange, "covers", counted)
    monkeypatch.setattr(Counted, "looks", [])
    names = tuple(f"gw{number}" for number in range(hosts))
    changes = {name: tuple(replace(change(f"file{place}"), host=name) for place in range(10)) for name in names}
    planned = tuple(HostPlan(name, HostStatus.CHANGES, changes=changes[name]) for name in names)
    listed = Counted(PlannedChange.of(one) for name in names for one in changes[name])
    saved = saved_of(changes=listed, hosts=names)

    moved = compare(saved, replace(plan_of(), hosts=planned))

    assert (moved.reasons, moved.unnecessary) == ((), ())
    assert all(len(saved.by_host[name]) == 10 for name in names)
    assert len(listed.looks) == len(compared) == 10 * hosts


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["a", "b", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(before=st.dictionaries(st.sampled_from("xyz"), JSON), after=st.dictionaries(st.sampled_from("xyz"), JSON))
def test_every_change_is_covered_by_itself_and_by_no_other_after(before: dict[str, Any], after: dict[str, Any]) -> None:
    one = change(before=before, after=after)

    assert PlannedChange.of(one).covers(one)
    assert not PlannedChange.of(one).covers(replace(one, after={**after, "new": 1}))
