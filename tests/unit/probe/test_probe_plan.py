"""From the subject to the checks: nothing is left out silently, and nobody else's agent is played needlessly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemops.pki.keyed_certificate import KeyedCertificate
from cemops.probe.checks import CheckId
from cemops.probe.plan import InnerHandshake, PlannedCheck, Resumption, Tunnel, plan_checks
from cemops.probe.subject import Missing, NotificationServerAgents, ProbeSubject, ProbeTarget

if TYPE_CHECKING:
    from collections.abc import Iterable


def played(name: str) -> KeyedCertificate:
    """The plan never looks into a certificate."""
    credential = object.__new__(KeyedCertificate)
    object.__setattr__(credential, "facts", name)
    return credential


NS1, NS2, REVOKED, EXPIRED, UNKNOWN = map(played, ("ns1", "ns2", "revoked", "expired", "unknown"))
NONE = Missing("ns2-root is not local")
TARGETS = (
    ProbeTarget("ns1.corp", 4726, True, "ns1"),
    ProbeTarget("ns1", 4726, False, "ns1"),
    ProbeTarget("ps2.corp", 47260, True, "ns2"),
)


def planned(*agents: NotificationServerAgents) -> tuple[PlannedCheck, ...]:
    return plan_checks(ProbeSubject("gw1", "203.0.113.1", 443, "gw1.example", "0" * 40, TARGETS, agents, UNKNOWN))


def only(checks: Iterable[PlannedCheck], check: CheckId) -> list[PlannedCheck]:
    return [one for one in checks if one.check is check]


FULL = NotificationServerAgents("ns1", NS1, REVOKED, EXPIRED)


def test_every_check_of_the_contract_is_planned_even_where_nothing_can_be_had() -> None:
    for agents in ([FULL], [NotificationServerAgents("ns1", NONE, NONE, NONE)]):
        assert {one.check for one in planned(*agents)} == set(CheckId) - {CheckId.THUMBPRINT}


def test_each_listed_name_gets_a_tunnel_and_each_server_one_inner_handshake() -> None:
    checks = planned(FULL)
    assert [one.target for one in only(checks, CheckId.TUNNEL_ALLOWED)] == [
        "ns1.corp:4726",
        "ns1:4726",
        "ps2.corp:47260",
    ]
    assert [one.target for one in only(checks, CheckId.INNER_TLS)] == ["ns1.corp:4726", "ps2.corp:47260"]


def test_a_server_is_asked_for_by_an_agent_of_its_own_notification_server() -> None:
    checks = planned(FULL, NotificationServerAgents("ns2", NS2, NONE, NONE))
    attempts = [one.attempt for one in only(checks, CheckId.TUNNEL_ALLOWED)]
    assert [one.credential for one in attempts if isinstance(one, Tunnel)] == [NS1, NS1, NS2]


def test_without_an_agent_of_its_own_any_known_agent_asks() -> None:
    checks = planned(FULL, NotificationServerAgents("ns2", NONE, NONE, NONE))
    attempt = only(checks, CheckId.INNER_TLS)[1].attempt
    assert isinstance(attempt, InnerHandshake)
    assert attempt.credential is NS1


def test_each_notification_server_has_its_revoked_and_expired_agents_tried() -> None:
    checks = planned(FULL, NotificationServerAgents("ns2", NS2, NONE, NONE))
    for check in (CheckId.REVOKED, CheckId.EXPIRED):
        first, second = only(checks, check)
        assert (first.target, second.target) == ("ns1.corp:4726", "ps2.corp:47260")
        assert isinstance(first.attempt, Tunnel)
        assert second.attempt is NONE
    assert [one.attempt for one in only(checks, CheckId.REVOKED_RESUMED)] == [
        Resumption(NS1, REVOKED),
        Resumption(NS2, NONE),
    ]


def test_strangers_knock_under_every_name_that_a_second_virtual_host_might_have() -> None:
    attempts = [one.attempt for one in only(planned(FULL), CheckId.NO_CERTIFICATE)]
    assert [one.sni for one in attempts if isinstance(one, Tunnel)] == [
        "gw1.example",
        "ns1.corp",
        "ns1",
        "ps2.corp",
        None,
        "cemops-unlisted.invalid",
        "localhost",
    ]
    assert {one.credential for one in attempts if isinstance(one, Tunnel)} == {None}


def test_what_cannot_be_had_carries_its_reason_and_clear_text_needs_nothing() -> None:
    checks = planned(NotificationServerAgents("ns1", NONE, NONE, NONE))
    tunnel = only(checks, CheckId.TUNNEL_ALLOWED)[0].attempt
    assert isinstance(tunnel, Missing)
    assert tunnel.reason == "ns2-root is not local"
    assert [isinstance(one.attempt, Missing) for one in only(checks, CheckId.PLAIN_GET)] == [True, True, False]
