"""The worksheet for draining a gateway: every policy, what to remove there, and what agents do meanwhile."""

from __future__ import annotations

from cemops.model import topology
from cemops.rendering.drain_worksheet import Pinned, worksheet_document, worksheet_text
from tests.unit.sample_estate import sample_estate

THUMBPRINT = "80E09988E0923A02E13A0983EA55A939F5794AE2"


def test_each_policy_is_named_with_what_is_left_in_it() -> None:
    alone = {"name": "Branch", "notification_server": "ns1", "enabled": True, "gateways": ["gw1"]}
    off = {"name": "Old", "notification_server": "ns1", "enabled": False, "gateways": ["gw1"]}
    estate = sample_estate({"policies.1": alone, "policies.2": off})
    gateway = topology.gateway(estate, "gw1")
    policies = topology.policies_naming(estate, "gw1")
    text = worksheet_text(gateway, policies, Pinned(THUMBPRINT, live=True))
    for wanted in (THUMBPRINT, "gw1.example", "443", "'CEM'", "'Branch'", "'Old' (disabled)", "PO-02", "CE-05"):
        assert wanted in text
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("Left in this policy: gw2.") == 1
    assert text.count("It is the last gateway of this policy") == 1
    document = worksheet_document(gateway, policies, Pinned(THUMBPRINT))
    assert document["remove"] == {"server": "gw1.example", "port": 443, "thumbprint": THUMBPRINT}
    assert [policy["gateways_left"] for policy in document["policies"]] == [["gw2"], [], []]


def test_a_gateway_that_no_policy_lists_is_said_to_be_so() -> None:
    estate = sample_estate({"policies": []})
    text = worksheet_text(topology.gateway(estate, "gw1"), (), Pinned(None))
    assert "No policy of the estate lists it" in text
    assert "not known" in text


def test_a_thumbprint_is_said_with_where_it_is_from() -> None:
    assert str(Pinned(THUMBPRINT, live=True)) == THUMBPRINT
    assert str(Pinned(THUMBPRINT)) == f"{THUMBPRINT} (on record)"
    assert "could not be observed" not in str(Pinned(None))
    assert "could not be observed" in str(Pinned(None, observed=False))
