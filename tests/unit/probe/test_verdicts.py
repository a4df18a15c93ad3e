"""A check passes only on the right kind of refusal; the texts are what people read."""

from __future__ import annotations

import pytest

from cemops.probe.checks import Verdict
from cemops.probe.presented import PresentedCertificate
from cemops.probe.verdicts import (
    certificate_verdict,
    clear_text_verdict,
    destination_verdict,
    inner_verdict,
    request_verdict,
    tunnel_verdict,
)
from cemops.probe.visit import Outcome, Step, Visit

SHOWN = PresentedCertificate(b"der")
REVOKED = frozenset({"certificate revoked"})


def visit(
    outcome: Outcome,
    detail: str = "what happened",
    *,
    step: Step = Step.REQUEST,
    status: int | None = None,
    alert: str | None = None,
    presented: PresentedCertificate | None = SHOWN,
) -> Visit:
    return Visit(outcome, detail, step, {Step.DIAL: 1.0, step: 2.0}, status, alert, presented)


def status(code: int) -> Visit:
    return visit(Outcome.REFUSED_BY_PROXY, f"the gateway answered {code}", status=code)


def alert(name: str, presented: PresentedCertificate | None = SHOWN) -> Visit:
    return visit(Outcome.TLS_ALERT, f"refused with the TLS alert '{name}'", alert=name, presented=presented)


OPENED = visit(Outcome.OPENED, "opened (200)", status=200)
NOBODY_REFUSED = [
    visit(Outcome.TIMEOUT),
    visit(Outcome.CONNECT_FAILED, presented=None),
    visit(Outcome.CLOSED),
    visit(Outcome.NOT_TLS, presented=None),
    visit(Outcome.NOT_HTTP),
]


def test_an_allow_list_refusal_is_403_and_nothing_else() -> None:
    assert destination_verdict(status(403)).result == "pass"
    for other in (400, 404, 407, 421, 500, 502, 503, 504):
        assert destination_verdict(status(other)).result == "fail"
    assert destination_verdict(OPENED) == Verdict(
        "fail", "got through: opened (200); look at the allow-list (<Proxy>, AllowCONNECT)", 3.0
    )


@pytest.mark.parametrize("one", NOBODY_REFUSED, ids=lambda one: one.outcome.value)
def test_what_nobody_refused_could_not_be_checked(one: Visit) -> None:
    for verdict in (destination_verdict(one), certificate_verdict(one, REVOKED)):
        assert (verdict.result, verdict.detail) == ("fail", "could not be checked: what happened")


def test_a_certificate_refusal_is_an_alert_about_certificates() -> None:
    assert certificate_verdict(alert("certificate revoked"), REVOKED).detail == (
        "refused with the TLS alert 'certificate revoked'"
    )
    assert certificate_verdict(alert("certificate expired"), REVOKED) == Verdict(
        "pass", "refused with the TLS alert 'certificate expired' (usual is 'certificate revoked')", 3.0
    )
    for other in ("protocol version", "internal error", "decode error", "unrecognized name"):
        assert certificate_verdict(alert(other), REVOKED).detail.startswith("could not be checked: ")


def test_a_handshake_failure_before_the_server_showed_itself_refuses_no_certificate() -> None:
    assert certificate_verdict(alert("handshake failure"), REVOKED).result == "pass"
    assert certificate_verdict(alert("handshake failure", presented=None), REVOKED).result == "fail"


def test_a_403_without_certificate_means_that_tls_let_it_in() -> None:
    verdict = certificate_verdict(status(403), REVOKED)
    assert (verdict.result, verdict.detail) == (
        "fail",
        "TLS let it in, and only then the gateway answered 403; look at SSLVerifyClient, it must be require",
    )


def test_an_allow_list_check_refused_by_tls_could_not_be_made() -> None:
    assert destination_verdict(alert("certificate expired")).detail == (
        "could not be checked: refused with the TLS alert 'certificate expired'"
    )


def test_behind_another_certificate_nothing_is_checked() -> None:
    mismatch = visit(Outcome.THUMBPRINT_MISMATCH, "another thumbprint")
    assert destination_verdict(mismatch).result == "skipped"
    assert certificate_verdict(mismatch, REVOKED).result == "skipped"
    assert tunnel_verdict(mismatch).result == "fail"


@pytest.mark.parametrize(
    ("one", "advice"),
    [
        (alert("certificate expired"), "an expired CRL rejects every agent of that CA"),
        (status(403), "look at the allow-list"),
        (status(421), "second virtual host"),
        (status(503), "did not reach the server"),
        (visit(Outcome.TIMEOUT), "waits for the server, or is full"),
        (visit(Outcome.CONNECT_FAILED, step=Step.DIAL), "address, port, firewall and service"),
    ],
)
def test_a_tunnel_that_does_not_open_says_what_to_look_at(one: Visit, advice: str) -> None:
    verdict = tunnel_verdict(one)
    assert verdict.result == "fail"
    assert verdict.detail.startswith(f"{one.detail}; ")
    assert advice in verdict.detail


def test_an_inner_handshake_without_a_tunnel_is_skipped_and_a_failed_one_fails() -> None:
    assert inner_verdict(status(503), "ns1", None).result == "skipped"
    failed = visit(Outcome.NOT_TRUSTED, "the certificate does not verify: expired", step=Step.INNER_TLS)
    assert inner_verdict(failed, "ns1", None).detail == (
        "the certificate does not verify: expired; look at the certificate bound to ns1 (C-08)"
    )
    assert inner_verdict(OPENED, "ns1", "no authority").detail == "opened (200); chain not verified: no authority"


@pytest.mark.parametrize(
    ("code", "result"), [(400, "pass"), (403, "pass"), (404, "pass"), (502, "fail"), (500, "fail")]
)
def test_a_plain_request_must_be_refused_by_the_gateway_itself(code: int, result: str) -> None:
    assert request_verdict(status(code)).result == result
    assert clear_text_verdict(status(code)).result == result


def test_a_served_page_fails() -> None:
    assert request_verdict(OPENED).result == "fail"
    assert clear_text_verdict(OPENED).result == "fail"


def test_a_port_that_only_speaks_tls_refuses_clear_text() -> None:
    assert clear_text_verdict(visit(Outcome.CLOSED, presented=None)).result == "pass"
    assert clear_text_verdict(visit(Outcome.TIMEOUT, presented=None)).result == "fail"
