from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cemops.errors import UsageError
from cemops.model.estate import Estate
from cemops.planning.batches import ONE, Batch, BatchSize, batch_size, batches
from cemops.planning.managed import DEPLOYS, managed_machines
from tests.unit.sample_estate import sample_data


def estate(gateways: int = 5, policies: list[list[str]] | None = None) -> Estate:
    data: dict[str, Any] = sample_data()
    first = data["gateways"][0]
    data["gateways"] = [
        {
            **first,
            "name": f"gw{number}",
            "fqdn": f"gw{number}.northwind.example",
            "public_address": f"203.0.113.{number}",
        }
        for number in range(1, gateways + 1)
    ]
    names = [one["name"] for one in data["gateways"]]
    data["policies"] = [
        {"name": f"policy {at}", "notification_server": "ns1", "gateways": wanted}
        for at, wanted in enumerate([names] if policies is None else policies)
    ]
    return Estate.model_validate(data)


GATEWAYS = ("gw1", "gw2", "gw3", "gw4", "gw5")


def hosts(found: tuple[Batch, ...]) -> list[tuple[str, ...]]:
    return [batch.hosts for batch in found]


def test_one_machine_goes_at_a_time_unless_told_otherwise() -> None:
    assert hosts(batches(estate(), GATEWAYS, None, ONE)) == [(name,) for name in GATEWAYS]


def test_the_canary_goes_first_and_alone() -> None:
    assert hosts(batches(estate(), GATEWAYS, "gw3", BatchSize(2))) == [("gw3",), ("gw1", "gw2"), ("gw4", "gw5")]


def test_a_percentage_is_of_the_machines_that_change_and_at_least_one() -> None:
    assert hosts(batches(estate(), GATEWAYS, None, BatchSize(40, percent=True)))[0] == ("gw1", "gw2")
    assert hosts(batches(estate(), GATEWAYS[:2], None, BatchSize(10, percent=True)))[0] == ("gw1",)


def test_gateways_of_one_policy_are_never_all_in_one_batch() -> None:
    found = batches(estate(4, [["gw1", "gw2"], ["gw3", "gw4"]]), GATEWAYS[:4], None, BatchSize(4))

    assert found[0].hosts == ("gw1",)
    assert all(not {"gw1", "gw2"} <= set(one.hosts) and not {"gw3", "gw4"} <= set(one.hosts) for one in found)


def test_a_canary_that_does_not_change_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="not among the machines that change: gw1"):
        batches(estate(), ("gw1",), "gw2", ONE)


@pytest.mark.parametrize(("text", "size"), [("1", ONE), ("12", BatchSize(12)), (" 25% ", BatchSize(25, percent=True))])
def test_sizes_are_numbers_or_percentages(text: str, size: BatchSize) -> None:
    assert batch_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "0%", "101%", "-1", "1.5", "half", "%", "1 %", "٣"])
def test_what_is_no_size_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="no size of a batch"):
        batch_size(text)


@settings(max_examples=100, deadline=None)
@given(
    changed=st.lists(st.sampled_from(GATEWAYS), unique=True),
    number=st.integers(1, 100),
    percent=st.booleans(),
    pairs=st.lists(st.lists(st.sampled_from(GATEWAYS), min_size=2, max_size=5, unique=True), max_size=3),
)
def test_every_machine_goes_once_and_some_gateway_of_each_policy_stays_out(
    changed: list[str], number: int, percent: bool, pairs: list[list[str]]
) -> None:
    made = estate(5, pairs)
    found = batches(made, changed, None, BatchSize(number, percent))

    assert sorted(name for batch in found for name in batch.hosts) == sorted(changed)
    assert all(batch.hosts for batch in found)
    for batch in found:
        assert not any(set(policy.gateways) <= set(batch.hosts) for policy in made.policies)


def test_servers_go_before_gateways() -> None:
    made = estate()
    order = list(managed_machines(made))
    found = batches(made, tuple(reversed(order)), None, ONE)

    assert [DEPLOYS.index(batch.deploy) for batch in found] == sorted(DEPLOYS.index(batch.deploy) for batch in found)
