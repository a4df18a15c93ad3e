"""Plan files: what is written is read back, and whatever else is in a file is refused with a sentence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cemops.errors import CemopsError, RefusedError
from cemops.execution import plan_file
from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_file import read_estate
from cemops.execution.plan_file import read_plan_file, write_plan_file
from cemops.planning.changes import Action, Change, HostPlan, HostStatus, Plan, Resource
from cemops.planning.saved_plan import compare, staleness
from tests.unit.sample_estate import sample_data

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CREATED = Change("gw1", Resource.FILE, "httpd.conf", Action.CREATE, "why", None, {"digest": "a"}, "the diff")
STEP = replace(CREATED, name="worksheet", action=Action.OPERATOR)
PLAN = Plan(
    "northwind",
    "0123456789ab",
    NOW.isoformat(),
    (
        HostPlan("gw1", HostStatus.CHANGES, (CREATED, STEP), observed_digest="sha256:1"),
        HostPlan("gw2", HostStatus.IN_SYNC),
    ),
    "sha256:0",
)


@pytest.fixture
def context(tmp_path: Path) -> EstateContext:
    file = tmp_path / "estate.yaml"
    file.write_text(yaml.safe_dump(sample_data()), "utf-8")
    return EstateContext.of(read_estate(file))


@pytest.fixture
def file(context: EstateContext) -> Path:
    path = context.folder / "change.plan"
    write_plan_file(path, PLAN, context)
    return path


def sealed(document: dict[str, Any]) -> str:
    """A document with the digest that it should have, as another version or a hand could have written it."""
    rest = {name: part for name, part in document.items() if name != "digest"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return json.dumps({**rest, "digest": f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"})


def test_what_is_written_is_read_back_and_holds(file: Path, context: EstateContext) -> None:
    saved = read_plan_file(file)
    assert (saved.plan_id, saved.estate, saved.created, saved.hosts) == (
        "0123456789ab",
        "northwind",
        NOW,
        ("gw1", "gw2"),
    )
    assert [change.id for change in saved.changes] == ["gw1:file:httpd.conf"]
    assert saved.observed == {"gw1": "sha256:1"}
    assert staleness(saved, context.estate, NOW) == ()
    assert compare(saved, PLAN).reasons == ()


def test_a_file_that_was_cut_anywhere_is_refused(file: Path) -> None:
    whole = file.read_bytes()
    for length in range(0, len(whole) - 2, 7):
        file.write_bytes(whole[:length])
        with pytest.raises(CemopsError, match=r"cemops plan --out") as caught:
            read_plan_file(file)
        assert str(file) in str(caught.value)


def test_a_file_in_which_any_value_was_changed_is_refused(file: Path) -> None:
    whole = file.read_text("utf-8")
    for old, new in (("httpd.conf", "evil.conf"), ("create", "delete"), ("northwind", "southwind"), ("12:00", "13:00")):
        assert old in whole
        file.write_text(whole.replace(old, new, 1), "utf-8")
        with pytest.raises(RefusedError, match="was edited or damaged"):
            read_plan_file(file)
    file.write_text(whole + "\n\n", "utf-8")  # white space is no content
    assert read_plan_file(file).plan_id == "0123456789ab"


@pytest.mark.parametrize("schema", [0, 2, "1", None, [1]])
def test_a_file_of_another_version_is_refused_and_names_it(file: Path, schema: Any) -> None:
    document = {**json.loads(file.read_text("utf-8")), "schema": schema, "cemops": "9.9"}
    file.write_text(sealed(document), "utf-8")
    with pytest.raises(RefusedError, match=r"another version of cemops \(9\.9\)"):
        read_plan_file(file)


def test_a_plan_of_another_estate_is_stale_and_says_whose_it_is(file: Path, context: EstateContext) -> None:
    other = replace(context.loaded, estate=context.estate.model_copy(update={"estate": "southwind"}))
    (reason,) = staleness(read_plan_file(file), other.estate, NOW)
    assert reason == "the plan is for the estate northwind, not for southwind"


@pytest.mark.parametrize("back", [timedelta(minutes=6), timedelta(days=400), timedelta(days=365 * 100)])
def test_where_the_clock_went_back_the_plan_is_from_the_future_and_refused(
    file: Path, context: EstateContext, back: timedelta
) -> None:
    (reason,) = staleness(read_plan_file(file), context.estate, NOW - back)
    assert reason == "the plan was made in the future (2026-11-22 12:00 UTC): set the clock right"


def test_a_clock_that_differs_a_little_is_none_of_the_plans_business(file: Path, context: EstateContext) -> None:
    assert staleness(read_plan_file(file), context.estate, NOW - timedelta(minutes=4)) == ()


WRONG: dict[str, Callable[[dict[str, Any]], object]] = {
    "no plan": lambda document: document.pop("plan"),
    "a plan that is a list": lambda document: document.update(plan=[]),
    "no hosts": lambda document: document["plan"].pop("hosts"),
    "hosts that are a number": lambda document: document["plan"].update(hosts=1),
    "a host without a name": lambda document: document["plan"]["hosts"][0].pop("host"),
    "a change that is a text": lambda document: document["plan"]["hosts"][0].update(changes=["x"]),
    "a time without a zone": lambda document: document["plan"].update(created="2026-11-22T12:00:00"),
    "no time": lambda document: document["plan"].update(created="yesterday"),
    "a time of another kind": lambda document: document["plan"].update(created=1),
    "observed of another kind": lambda document: document.update(observed=[1]),
    "a before of another kind": lambda document: document["plan"]["hosts"][0]["changes"][0].update(before=[]),
    "a diff of another kind": lambda document: document["plan"]["hosts"][0]["changes"][0].update(diff=1),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_file_with_a_sound_digest_and_another_shape_is_no_plan(file: Path, what: str) -> None:
    document = json.loads(file.read_text("utf-8"))
    WRONG[what](document)
    file.write_text(sealed(document), "utf-8")
    with pytest.raises(CemopsError, match="is no plan"):
        read_plan_file(file)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"[]", b"null", b"[" * 100_000, b'{"kind": "other"}', b"\0" * 64]
)
def test_what_is_no_plan_at_all_is_said(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(CemopsError, match="is no plan, or a cut one"):
        read_plan_file(file)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    with pytest.raises(CemopsError, match="cannot be read"):
        read_plan_file(tmp_path / "absent.plan")
    with pytest.raises(CemopsError, match="cannot be read"):
        read_plan_file(tmp_path)
    monkeypatch.setattr(plan_file, "MAX_BYTES", 10)
    with pytest.raises(CemopsError, match="is larger than any plan"):
        read_plan_file(file)


def test_a_plan_that_cannot_be_written_leaves_nothing_behind(context: EstateContext) -> None:
    place = context.folder / "folder.plan"
    place.mkdir()
    before = sorted(context.folder.iterdir())
    with pytest.raises(CemopsError, match="cannot be written"):
        write_plan_file(place, PLAN, context)
    assert sorted(context.folder.iterdir()) == before


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10_000), value=st.integers(0, 255))
def test_one_byte_that_fell_over_never_crashes_and_never_changes_a_plan(file: Path, place: int, value: int) -> None:
    whole = file.read_bytes()
    content = bytearray(whole)
    content[place % len(content)] = value
    file.write_bytes(content)
    try:
        assert read_plan_file(file) == read_plan_file_of(file, whole)
    except CemopsError:
        assert bytes(content) != whole
    finally:
        file.write_bytes(whole)


def read_plan_file_of(file: Path, content: bytes) -> object:
    """What the file says with its first content."""
    file.write_bytes(content)
    return read_plan_file(file)
