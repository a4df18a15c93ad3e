"""Make the checks: the thumbprint first, then the rest side by side, on a bounded number of threads.

Under gevent's monkey patching the threads are greenlets; nothing here depends on which. Every attempt
has its own deadline, so the whole is bounded too.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from cemops.errors import CemopsError
from cemops.probe.agent import Agent, InnerTls, clear_text_request
from cemops.probe.checks import CheckId, CheckResult, ProbeReport, Verdict
from cemops.probe.plan import (
    Attempt,
    InnerHandshake,
    PlainRequest,
    PlannedCheck,
    Resumption,
    Tunnel,
    plan_checks,
)
from cemops.probe.resumption import resumption_verdict
from cemops.probe.streams import Stream, endpoint_text, tcp_dial
from cemops.probe.subject import Missing
from cemops.probe.tls import inner_context
from cemops.probe.verdicts import (
    certificate_verdict,
    clear_text_verdict,
    destination_verdict,
    inner_verdict,
    is_certificate_refusal,
    request_verdict,
    tunnel_verdict,
    unchecked,
)
from cemops.probe.visit import Outcome, Visit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cemops.pki.keyed_certificate import KeyedCertificate
    from cemops.probe.subject import ProbeSubject

WORKERS = 16
"""Attempts at the same time, over all gateways: few beside a gateway's capacity."""

DEFAULT_TIMEOUT = 10.0
"""Seconds for one attempt."""

_USUAL_ALERTS = {
    CheckId.NO_CERTIFICATE: frozenset({"certificate required", "handshake failure"}),
    CheckId.UNKNOWN_CA: frozenset({"unknown ca"}),
    CheckId.REVOKED: frozenset({"certificate revoked"}),
    CheckId.EXPIRED: frozenset({"certificate expired"}),
}
"""What httpd with OpenSSL answers (measured)."""


_SETTLING = frozenset({Outcome.THUMBPRINT_MISMATCH, Outcome.CONNECT_FAILED, Outcome.TIMEOUT})
"""How a first visit ends that need not be repeated for each check."""


def probe_gateways(
    subjects: Sequence[ProbeSubject],
    *,
    timeout: float = DEFAULT_TIMEOUT,
    dial: Callable[[ProbeSubject], Callable[[], Stream]] | None = None,
) -> ProbeReport:
    """Probe the gateways and report, in the order given. ``dial`` replaces plain TCP to the subject."""
    pool = ThreadPoolExecutor(max_workers=WORKERS)
    try:
        probes = [
            GatewayProbe(subject, dial(subject) if dial else _by_tcp(subject, timeout), timeout) for subject in subjects
        ]
        firsts = list(pool.map(GatewayProbe.check_thumbprint, probes))
        rest = [[pool.submit(probe.check, planned) for planned in probe.planned] for probe in probes]
        results = [
            result
            for first, futures in zip(firsts, rest, strict=True)
            for result in (first, *(future.result() for future in futures))
        ]
    finally:
        pool.shutdown(cancel_futures=True)  # who interrupts a probe does not wait for what was not begun
    return ProbeReport(tuple(results))


def _by_tcp(subject: ProbeSubject, timeout: float) -> Callable[[], Stream]:
    return tcp_dial(subject.address, subject.port, timeout=timeout)


class GatewayProbe:
    """The probe of one gateway. ``check_thumbprint`` comes before ``check``, which is pinned by it."""

    def __init__(self, subject: ProbeSubject, dial: Callable[[], Stream], timeout: float) -> None:
        self._subject = subject
        self._dial = dial
        self._timeout = timeout
        self._pin = None if isinstance(subject.thumbprint, Missing) else subject.thumbprint
        self._first: Visit | None = None
        self.planned = plan_checks(subject)

    def check_thumbprint(self) -> CheckResult:
        """Look at the certificate that the gateway presents; where none is expected, it is the pin now."""
        visit = Agent(self._dial, sni=self._subject.fqdn, thumbprint=self._pin, timeout=self._timeout).greet()
        self._first = visit
        if self._pin is None and visit.presented is not None:
            self._pin = visit.presented.sha256
        target = endpoint_text(self._subject.fqdn, self._subject.port)
        return self._result(CheckId.THUMBPRINT, target, self._thumbprint_verdict(visit))

    def _thumbprint_verdict(self, visit: Visit) -> Verdict:
        expected = self._subject.thumbprint
        if isinstance(expected, Missing):
            shown = f"; presented: SHA-1 {visit.presented.sha1}" if visit.presented else ""
            return Verdict("skipped", expected.reason + shown, visit.ms)
        if visit.outcome is Outcome.THUMBPRINT_MISMATCH:
            advice = "look at the certificate on the gateway: agents that pin the expected one are cut off"
            return Verdict("fail", f"{visit.detail}; {advice}", visit.ms)
        if visit.presented is None:
            return Verdict("fail", f"could not be checked: {visit.detail}", visit.ms)
        return Verdict("pass", f"presents {visit.presented.thumbprint_like(expected)}", visit.ms)

    def check(self, planned: PlannedCheck) -> CheckResult:
        """Make one check."""
        return self._result(planned.check, planned.target, self._verdict(planned))

    def _verdict(self, planned: PlannedCheck) -> Verdict:
        if isinstance(planned.attempt, Missing):
            return Verdict("skipped", planned.attempt.reason)
        decided = self._decided_by_first_visit(planned.check)
        if decided is not None:
            return decided
        try:
            return self._perform(planned, planned.attempt)
        except CemopsError as error:
            return Verdict("skipped", error.message)

    def _decided_by_first_visit(self, check: CheckId) -> Verdict | None:
        """Say what the first visit has settled already: nobody there, or another certificate."""
        first = self._first
        if first is None or first.outcome not in _SETTLING:
            return None
        if check is CheckId.TUNNEL_ALLOWED:
            return None if first.outcome is Outcome.TIMEOUT else tunnel_verdict(first)
        if check is CheckId.INNER_TLS:
            return Verdict("skipped", "no tunnel to test in: see gateway.tunnel.allowed")
        verdict = unchecked(first)
        return Verdict(verdict.result, verdict.detail)

    def _perform(self, planned: PlannedCheck, attempt: Attempt) -> Verdict:
        match attempt:
            case Tunnel():
                return self._tunnel(planned, attempt)
            case InnerHandshake():
                return self._inner(planned, attempt)
            case PlainRequest(credential=None):
                return clear_text_verdict(clear_text_request(self._dial, attempt.request, timeout=self._timeout))
            case PlainRequest():
                return request_verdict(self._agent(attempt.credential).request(attempt.request))
            case Resumption():
                return resumption_verdict(attempt, planned.target, self._agent)

    def _agent(self, credential: KeyedCertificate | None, version: str | None = None) -> Agent:
        return self._agent_asking(self._subject.fqdn, credential, version)

    def _agent_asking(self, sni: str | None, credential: KeyedCertificate | None, version: str | None = None) -> Agent:
        return Agent(
            self._dial,
            sni=sni,
            thumbprint=self._pin,
            credential=credential,
            version=version,
            timeout=self._timeout,
        )

    def _tunnel(self, planned: PlannedCheck, attempt: Tunnel) -> Verdict:
        visit = self._agent_asking(attempt.sni, attempt.credential).connect(planned.target)
        if planned.check is CheckId.TUNNEL_ALLOWED:
            return tunnel_verdict(visit)
        usual = _USUAL_ALERTS.get(planned.check)
        if usual is None:
            return destination_verdict(visit)
        if attempt.sni == self._subject.fqdn:
            return certificate_verdict(visit, usual)
        return _other_name_verdict(visit, attempt.sni, usual)

    def _inner(self, planned: PlannedCheck, attempt: InnerHandshake) -> Verdict:
        unverified = attempt.authorities.reason if isinstance(attempt.authorities, Missing) else None
        known = () if isinstance(attempt.authorities, Missing) else attempt.authorities
        inner = InnerTls(attempt.host, inner_context(known))
        visit = self._agent(attempt.credential).connect(planned.target, inner=inner)
        return inner_verdict(visit, attempt.host, unverified)

    def _result(self, check: CheckId, target: str, verdict: Verdict) -> CheckResult:
        return CheckResult(check, self._subject.gateway, target, verdict)


def _other_name_verdict(visit: Visit, sni: str | None, usual: frozenset[str]) -> Verdict:
    """Judge a client without certificate that asks for another server name than the gateway's."""
    asked = f"server name {sni}" if sni else "no server name"
    if visit.outcome is Outcome.THUMBPRINT_MISMATCH:
        detail = f"another certificate is presented, so a second virtual host answers on the port: {visit.detail}"
        return Verdict("fail", f"{asked}: {detail}", visit.ms)
    if visit.alert == "unrecognized name" and not is_certificate_refusal(visit):
        return Verdict("pass", f"{asked}: {visit.detail}", visit.ms)
    if visit.opened or visit.outcome is Outcome.REFUSED_BY_PROXY:
        advice = "look at SSLVerifyClient, and for a second virtual host on the port"
        return Verdict("fail", f"{asked}: no certificate was asked for, {visit.detail}; {advice}", visit.ms)
    verdict = certificate_verdict(visit, usual)
    return Verdict(verdict.result, f"{asked}: {verdict.detail}", verdict.ms)
