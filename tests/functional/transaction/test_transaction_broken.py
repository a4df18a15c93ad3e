"""Releases that do not work: in the rehearsal, at the switch, in the check from outside."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.functional.transaction.bench import KILLED, Bench, wait_until
from tests.functional.transaction.faults import OPEN_PROXY, Fault

pytestmark = pytest.mark.slow

UNBINDABLE = "Listen 192.0.2.1:9\n"
"""``httpd -t`` says OK to an address that the machine does not have."""


def test_what_fails_its_rehearsal_is_never_switched_to(bench: Bench) -> None:
    bench.list_new_name("gw1")
    live, main = bench.live("gw1"), bench.main_pid("gw1")
    said = bench.apply("--limit", "gw1", fault={"conf": UNBINDABLE})
    assert said.code == 1
    assert "the rehearsal did not come up" in said.err
    assert "192.0.2.1" in said.err
    assert (bench.live("gw1"), bench.main_pid("gw1")) == (live, main)
    assert bench.serves("gw1")
    assert not bench.rehearsals("gw1")


def test_what_ends_httpd_at_the_switch_is_taken_back_and_httpd_started(bench: Bench) -> None:
    bench.list_new_name("gw1", "gw2")
    live, other = bench.live("gw1"), bench.live("gw2")
    said = bench.apply(fault={"live_conf": UNBINDABLE, "only": "gw1"})
    assert said.code == 1
    assert "httpd did not come up with release" in said.err, said.everything
    assert bench.live("gw1") == live
    assert not bench.pending("gw1")
    assert bench.serves("gw1")
    assert bench.live("gw2") == other
    assert "left alone, because gw1 failed" in said.err


def test_what_fails_the_check_from_outside_is_reverted_at_once_and_stops_the_rest(bench: Bench) -> None:
    new = bench.list_new_name("gw1", "gw2")
    live, other = bench.live("gw1"), bench.live("gw2")
    said = bench.apply(fault={"blind": 2, "only": "gw1"})
    assert said.code == 1
    assert "failed its check from outside and was reverted: planted: nothing opens" in said.err
    assert "left alone, because gw1 failed; see why, then run apply again" in said.err
    assert (bench.live("gw1"), bench.live("gw2")) == (live, other)
    assert not bench.pending("gw1")
    assert bench.serves("gw1")
    assert not bench.opens("gw1", new)


def test_what_lets_through_more_than_before_fails_its_health_gate_and_is_reverted(bench: Bench) -> None:
    bench.list_new_name("gw1", "gw2")
    live, other = bench.live("gw1"), bench.live("gw2")
    said = bench.apply("--canary", "gw1", "--batch", "2", fault={"live_host": OPEN_PROXY, "only": "gw1"})
    assert said.code == 1, said.everything
    assert "was reverted: health gate: gateway.deny.unlisted_host" in said.err, said.everything
    assert (bench.live("gw1"), bench.live("gw2")) == (live, other)
    assert "cemops: stopped: gw1 failed when it served" in said.err
    assert "cemops apply --limit gw1,gw2" in said.err
    assert not bench.pending("gw1")
    assert bench.serves("gw1")


def test_agents_of_a_known_ca_that_are_refused_since_the_switch_take_it_back(bench: Bench) -> None:
    """As where the CA's certificate was exchanged for another one of the same name: cemops has no agent to try it."""
    bench.list_new_name("gw1")
    live = bench.live("gw1")
    go = bench.root("gw1") / "state" / "go"
    fault: Fault = {"at": "after:check", "do": ["wait"], "confirm": 60}
    with ThreadPoolExecutor(1) as pool:
        applying = pool.submit(bench.apply, "--limit", "gw1", fault=fault)
        try:
            assert wait_until(lambda: bench.pending("gw1") and bench.live("gw1") != live)
            refused = bench.agent_of_another_ca_of_that_name("gw1").connect("ns1.corp.lab.example:4726")
            assert refused.alert == "unknown ca"
        finally:
            go.touch()
            said = applying.result()
            go.unlink()
    assert said.code == 1, said.everything
    assert "was reverted: handshakes are refused since the switch: 1 of CN=" in said.err, said.everything
    assert bench.live("gw1") == live
    assert bench.serves("gw1")


def test_a_waiting_switch_that_does_not_work_is_reverted_by_the_next_apply(bench: Bench) -> None:
    bench.list_new_name("gw1")
    live = bench.live("gw1")
    bench.apply("--limit", "gw1", fault={"at": "after:switch", "do": ["die"], "confirm": 60})
    assert bench.pending("gw1")
    said = bench.apply("--limit", "gw1", fault={"blind": 1})
    assert said.code == 1
    assert "was reverted" in said.err, said.everything
    assert bench.live("gw1") == live
    assert bench.serves("gw1")


def test_a_waiting_switch_that_does_not_work_stays_where_nothing_better_is_left(bench: Bench) -> None:
    bench.list_new_name("gw1")
    (bench.release("gw1") / "client-crl.pem").unlink()
    bench.apply("--limit", "gw1", fault={"at": "after:switch", "do": ["die"], "confirm": 60})
    live = bench.live("gw1")
    said = bench.apply("--limit", "gw1", fault={"blind": 1})
    assert said.code == 1, said.everything
    assert "stays, because the release before it no longer works: planted: nothing opens" in said.err
    assert bench.live("gw1") == live
    assert not bench.pending("gw1")
    assert bench.serves("gw1")


def test_an_unreachable_gateway_does_not_stop_the_others(bench: Bench) -> None:
    new = bench.list_new_name("gw1", "gw2")

    def change(document: dict[str, list[dict[str, dict[str, int]]]]) -> None:
        document["gateways"][0]["connection"]["port"] += 1

    bench.edit(change)
    said = bench.apply()
    assert said.code == 1
    assert "gw1: UNREACHABLE" in said.out
    assert bench.opens("gw2", new)


def test_a_gateway_that_cannot_be_dialled_from_outside_is_not_touched(bench: Bench) -> None:
    bench.list_new_name("gw1")
    bench.edit_gateway("gw1", public_address="127.0.0.9")
    live = bench.live("gw1")
    said = bench.apply("--limit", "gw1")
    assert said.code == 1
    assert "127.0.0.9" in said.err
    assert "nothing was touched" in said.err
    assert bench.live("gw1") == live


def test_a_switch_that_is_held_for_the_health_gate_goes_back_by_itself_when_nobody_comes_back(bench: Bench) -> None:
    bench.list_new_name("gw1")
    live = bench.live("gw1")
    killed = bench.apply("--limit", "gw1", fault={"at": "line:refused", "text": "before=$1", "do": ["die"]})
    assert killed.code == KILLED
    assert bench.pending("gw1")
    assert wait_until(lambda: bench.live("gw1") == live and not bench.pending("gw1"))
    assert bench.serves("gw1")


def test_a_waiting_switch_that_lets_through_too_much_is_not_confirmed_by_the_next_apply(bench: Bench) -> None:
    bench.list_new_name("gw1")
    held = 'write "$state/served" "$1 $(($(now) + $2))'
    fault: Fault = {"live_host": OPEN_PROXY, "at": "line:hold", "text": held, "do": ["die"], "confirm": 60}
    assert bench.apply("--limit", "gw1", fault=fault).code == KILLED
    assert bench.pending("gw1")
    said = bench.apply("--limit", "gw1")
    assert said.code == 0, said.everything
    assert "was reverted: health gate: gateway.deny.unlisted_host" in said.err, said.everything
    assert bench.cemops("probe", "--gateway", "gw1").code == 0
