"""What agents notice of an apply: nothing of a reload, nothing of a switch that goes back, a restart when it says so."""

from __future__ import annotations

import pytest

from tests.functional.transaction.bench import KILLED, Bench, wait_until
from tests.functional.transaction.watcher import watching

pytestmark = pytest.mark.slow


def test_no_request_fails_and_no_tunnel_ends_during_an_apply(bench: Bench) -> None:
    new = bench.list_new_name("gw1")
    with watching(bench, "gw1") as seen:
        done = bench.apply("--limit", "gw1")
        assert done.code == 0, done.everything
        assert bench.opens("gw1", new)
        answers = seen.answers
        assert wait_until(lambda: seen.answers > answers), seen
    assert seen.failures == []
    assert seen.ended == ""


def test_no_request_fails_when_the_timer_goes_back(bench: Bench) -> None:
    bench.list_new_name("gw1")
    live = bench.live("gw1")
    with watching(bench, "gw1") as seen:
        said = bench.apply("--limit", "gw1", fault={"at": "after:switch", "do": ["die"]})
        assert said.code == KILLED
        assert wait_until(lambda: bench.live("gw1") == live and not bench.pending("gw1"))
        answers = seen.answers
        assert wait_until(lambda: seen.answers > answers), seen
    assert seen.failures == []
    assert seen.ended == ""


def test_no_request_fails_when_the_check_from_outside_does(bench: Bench) -> None:
    bench.list_new_name("gw1")
    with watching(bench, "gw1") as seen:
        assert bench.apply("--limit", "gw1", fault={"blind": 2}).code == 1
    assert seen.failures == []
    assert seen.ended == ""


def test_a_change_of_capacity_restarts_and_says_that_tunnels_drop(bench: Bench) -> None:
    bench.edit_gateway("gw1", capacity={"endpoints": 400, "concurrent_connections": 200})
    planned = bench.plan("--limit", "gw1", "--format", "json")
    assert planned.code == 2
    (change,) = [one for one in planned.json["hosts"][0]["changes"] if one["resource"] == "service"]
    assert change["action"] == "restart"
    assert [warning["code"] for warning in change["warnings"]] == ["tunnels-drop"]
    main = bench.main_pid("gw1")
    with watching(bench, "gw1") as seen:
        done = bench.apply("--limit", "gw1")
        assert done.code == 0, done.everything
        assert wait_until(lambda: seen.ended != "")
        opened = seen.opened
        assert wait_until(lambda: seen.opened > opened)
    assert bench.main_pid("gw1") != main
    assert bench.plan("--limit", "gw1").code == 0


def test_another_port_needs_a_reload_only(bench: Bench) -> None:
    gateway = bench.context().estate.gateways[0]
    port = gateway.listen.port + 7
    main, live = bench.main_pid("gw1"), bench.live("gw1")
    bench.edit_gateway("gw1", listen={"addresses": list(gateway.listen.addresses), "port": port})
    planned = bench.plan("--limit", "gw1", "--format", "json")
    assert [one["action"] for one in planned.json["hosts"][0]["changes"] if one["resource"] == "service"] == ["reload"]
    done = bench.apply("--limit", "gw1", "--accept-lockout", "1")
    assert done.code == 0, done.everything
    assert bench.serves("gw1")
    assert bench.main_pid("gw1") == main
    assert bench.live("gw1") != live
    assert bench.plan("--limit", "gw1").code == 0
