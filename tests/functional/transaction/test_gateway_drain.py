"""Draining: the worksheet says what to take out, and the wait ends with the last tunnel."""

from __future__ import annotations

import threading

import pytest

from tests.functional.transaction.bench import Bench
from tests.functional.transaction.burning import NS1, burn
from tests.functional.transaction.test_transaction_counts import counted

pytestmark = pytest.mark.slow


def test_the_worksheet_names_the_policies_and_what_agents_pinned(bench: Bench) -> None:
    with counted(bench, "gw1") as commands:
        said = bench.cemops("gateway", "drain", "gw1", "--wait", "0", "--format", "json")
        assert said.code == 0, said.everything
        assert commands() == 2, "one look at the gateway, one at its connections"
    gateway = bench.context().estate.gateways[0]
    worksheet = said.json
    assert (worksheet["left"], worksheet["serves"]) == (0, True)
    assert worksheet["remove"]["server"] == gateway.fqdn
    assert worksheet["remove"]["port"] == gateway.listen.port
    assert len(worksheet["remove"]["thumbprint"]) == 40
    assert [policy["gateways_left"] for policy in worksheet["policies"]] == [["gw2"]]
    text = bench.cemops("gateway", "drain", "gw1", "--wait", "0").out
    assert worksheet["remove"]["thumbprint"] in text
    assert "PO-02" in text


def test_tunnels_are_counted_for_their_gateway_alone_and_the_wait_ends_with_the_last(bench: Bench) -> None:
    tunnels = [bench.agent("gw1").hold(NS1)[1] for _ in range(2)]
    assert None not in tunnels
    try:
        late = bench.cemops("gateway", "drain", "gw1", "--wait", "1")
        assert late.code == 1, late.everything
        assert "2 still connected after 1 s" in late.err
        assert bench.cemops("gateway", "drain", "gw2", "--wait", "0").code == 0

        def end_all() -> None:
            for tunnel in tunnels:
                if tunnel is not None:
                    tunnel.close()

        ending = threading.Timer(3, end_all)
        ending.start()
        done = bench.cemops("gateway", "drain", "gw1", "--wait", "60")
        ending.join()
        assert done.code == 0, done.everything
        assert "no agent is connected" in done.out
    finally:
        for tunnel in tunnels:
            if tunnel is not None:
                tunnel.close()


def test_a_gateway_that_is_gone_is_said_not_to_serve_and_its_thumbprint_is_on_record(bench: Bench) -> None:
    live = bench.cemops("gateway", "drain", "gw2", "--wait", "0", "--format", "json").json["remove"]["thumbprint"]
    burn(bench, "gw2")
    said = bench.cemops("gateway", "drain", "gw2", "--wait", "0")
    assert said.code == 0, said.everything
    assert f"{live} (on record)" in said.out
    assert "gw2 does not serve: its httpd does not run, so no agent is connected" in said.out
