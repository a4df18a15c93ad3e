"""What an attempt means for a check. A refusal passes only where it is of the right kind.

403 is the allow-list speaking. A TLS alert about certificates is mutual TLS speaking. Anything else, a
server that is down, a connection that hangs, an unknown name, refuses nothing: "could not be checked"
is a failure.
"""

from __future__ import annotations

from cemops.errors import PkiError
from cemops.pki.inspection import certificate_facts, certificates_from_bytes
from cemops.planning.certificate_fitness import name_problems
from cemops.probe.checks import UNCHECKED, Verdict
from cemops.probe.opens import is_behind
from cemops.probe.visit import Outcome, Step, Visit

FORBIDDEN = 403
MISDIRECTED = 421
REFUSING_STATUSES = frozenset({400, 403, 404, 405, 501})
"""Answers that refuse a request other than CONNECT (ENGINEERING 9; others than httpd: 404, 405, 501)."""

NOT_MADE = "not made: another certificate is presented, see gateway.thumbprint"

CERTIFICATE_ALERTS = frozenset(
    {
        "access denied",
        "bad certificate",
        "bad certificate status response",
        "certificate expired",
        "certificate required",
        "certificate revoked",
        "certificate unknown",
        "handshake failure",  # TLS 1.2 without a certificate; counts only after the server has shown its own
        "unknown ca",
        "unsupported certificate",
    }
)
"""RFC 8446, 6.2: alerts by which a server refuses a client's certificate."""

_BEHIND_ADVICE = (
    "the gateway let the agent through but did not reach the server: look at the server, at name resolution"
    " and at the firewall between the two"
)
_SECOND_VHOST = "look for a second virtual host on the port: the name after CONNECT selects it"

_STATUS_ADVICE: dict[int | None, str] = {
    FORBIDDEN: "look at the allow-list of the gateway: name and port must be listed exactly",
    MISDIRECTED: _SECOND_VHOST,
}


def is_certificate_refusal(visit: Visit) -> bool:
    """Whether mutual TLS refused: an alert about certificates, from a server that had shown its own."""
    return visit.outcome is Outcome.TLS_ALERT and visit.alert in CERTIFICATE_ALERTS and visit.presented is not None


def tunnel_verdict(visit: Visit) -> Verdict:
    """Judge a tunnel that must open (C-02)."""
    if visit.opened:
        return Verdict("pass", visit.detail, visit.ms)
    return Verdict("fail", f"{visit.detail}; {_tunnel_advice(visit)}", visit.ms, behind=is_behind(visit))


def _tunnel_advice(visit: Visit) -> str:
    if visit.outcome is Outcome.THUMBPRINT_MISMATCH:
        return "agents that pin it do not connect; look at the gateway's certificate and the policy"
    if is_certificate_refusal(visit):
        return (
            "an expired CRL rejects every agent of that CA, and so does a missing authority certificate: "
            "look at the CRL's next update, the client CA bundle and the agent's certificate"
        )
    if visit.status in _STATUS_ADVICE:
        return _STATUS_ADVICE[visit.status]
    if is_behind(visit):
        return _BEHIND_ADVICE
    if visit.outcome is Outcome.TIMEOUT and visit.step is Step.REQUEST:
        return "the gateway waits for the server, or is full: look at the firewall behind it and at its load"
    return "look at the gateway's address, port, firewall and service"


def inner_verdict(visit: Visit, host: str, unverified: str | None) -> Verdict:
    """Judge the inner handshake (C-03); ``unverified`` says why its chain was not checked, None if it was.

    Without the chain the names alone are compared (C-08).
    """
    problem = _name_problem(visit, host) if unverified else None
    if visit.opened and problem is not None:
        return Verdict(
            "fail", f"the certificate does not fit: {problem}; {_inner_advice(visit, host)}", visit.ms, behind=True
        )
    if visit.opened:
        suffix = f"; chain not verified: {unverified}" if unverified else ", certificate verified"
        return Verdict("pass", visit.detail + suffix, visit.ms)
    if visit.step is not Step.INNER_TLS:
        return Verdict("skipped", f"no tunnel to test in ({visit.detail}): see gateway.tunnel.allowed", visit.ms)
    return Verdict("fail", f"{visit.detail}; {_inner_advice(visit, host)}", visit.ms, behind=True)


def _name_problem(visit: Visit, host: str) -> str | None:
    if visit.inner is None:
        return None
    try:
        facts = certificate_facts(certificates_from_bytes(visit.inner.der, "what the server presents")[0])
    except PkiError as error:
        return error.message
    return next(iter(name_problems(facts, host)), None)


def _inner_advice(visit: Visit, host: str) -> str:
    shown = f" (it presents SHA-1 {visit.inner.sha1})" if visit.inner else ""
    return f"look at the certificate bound to {host}{shown} (C-08)"


def destination_verdict(visit: Visit) -> Verdict:
    """Judge a destination that the allow-list must refuse: 403 alone passes."""
    if visit.status == FORBIDDEN:
        return Verdict("pass", visit.detail, visit.ms)
    if visit.opened:
        return Verdict("fail", f"got through: {visit.detail}; look at the allow-list (<Proxy>, AllowCONNECT)", visit.ms)
    if is_behind(visit):
        return Verdict(
            "fail",
            f"got past the allow-list: {visit.detail}, so it tried to connect; look at <Proxy>",
            visit.ms,
        )
    if visit.status == MISDIRECTED:
        return Verdict("fail", f"{visit.detail}, not 403; {_SECOND_VHOST}", visit.ms)
    if visit.outcome is Outcome.REFUSED_BY_PROXY:
        return Verdict("fail", f"{visit.detail}, not 403: something else than the allow-list refused", visit.ms)
    return unchecked(visit)


def certificate_verdict(visit: Visit, usual: frozenset[str]) -> Verdict:
    """Judge an agent that mutual TLS must refuse; an alert that is not ``usual`` is said in the detail."""
    if is_certificate_refusal(visit):
        note = "" if visit.alert in usual else f" (usual is '{min(usual)}')"
        return Verdict("pass", visit.detail + note, visit.ms)
    if visit.opened:
        return Verdict(
            "fail", f"got through: {visit.detail}; look at SSLVerifyClient and SSLCARevocationCheck", visit.ms
        )
    if visit.outcome is Outcome.REFUSED_BY_PROXY:
        return Verdict(
            "fail",
            f"TLS let it in, and only then {visit.detail}; look at SSLVerifyClient, it must be require",
            visit.ms,
        )
    return unchecked(visit)


def request_verdict(visit: Visit) -> Verdict:
    """Judge a request that is no CONNECT: the gateway only tunnels (P-03)."""
    if visit.status in REFUSING_STATUSES:
        return Verdict("pass", visit.detail, visit.ms)
    if visit.opened or visit.outcome is Outcome.REFUSED_BY_PROXY:
        return Verdict(
            "fail",
            f"not refused: {visit.detail}; look for mod_proxy_http and for content that is served",
            visit.ms,
        )
    return unchecked(visit)


def clear_text_verdict(visit: Visit) -> Verdict:
    """Judge plain HTTP on the port, without TLS: refused by status, or by a server that only speaks TLS."""
    if visit.outcome in {Outcome.CLOSED, Outcome.NOT_HTTP}:
        return Verdict("pass", f"no HTTP without TLS: {visit.detail}", visit.ms)
    return request_verdict(visit)


def unchecked(visit: Visit) -> Verdict:
    """Fail a check that could not be made; skip it where another certificate stood in the way."""
    if visit.outcome is Outcome.THUMBPRINT_MISMATCH:
        return Verdict("skipped", NOT_MADE, visit.ms)
    return Verdict("fail", UNCHECKED + visit.detail, visit.ms)
