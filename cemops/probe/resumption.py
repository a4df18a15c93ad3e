"""Can a revoked agent come back on a session from before? See CE-08 and ENGINEERING 6.

What is shown: in each TLS version that the gateway speaks, a good agent that offers the session of its
first visit does a whole handshake again (nothing is resumed, so no agent can rest on an old judgement),
and a revoked agent is refused on its first visit and when it offers whatever session it got. What is
not shown, since the probe cannot go back in time: a session from before the revocation. Where nothing
is resumed, there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemops.probe.checks import Verdict
from cemops.probe.subject import Missing
from cemops.probe.verdicts import certificate_verdict, unchecked
from cemops.probe.visit import Outcome, Visit

if TYPE_CHECKING:
    from collections.abc import Callable

    from cemops.pki.keyed_certificate import KeyedCertificate
    from cemops.probe.agent import Agent
    from cemops.probe.plan import Resumption

VERSIONS = ("1.2", "1.3")
_REVOKED = frozenset({"certificate revoked"})
_NOT_SPOKEN = frozenset({"protocol version", "handshake failure"})


def resumption_verdict(attempt: Resumption, target: str, agent_as: Callable[[KeyedCertificate, str], Agent]) -> Verdict:
    """Make the check. ``agent_as`` gives an agent with that certificate that speaks one TLS version alone."""
    ms = 0.0
    spoken: list[str] = []
    for version in VERSIONS:
        for credential in (attempt.good, attempt.revoked):
            if isinstance(credential, Missing):
                continue
            verdict = _come_back(agent_as(credential, version), target, version, credential is attempt.revoked)
            if verdict is None:
                continue
            ms += verdict.ms
            if verdict.result != "pass":
                return Verdict(verdict.result, verdict.detail, ms)
            spoken.append(version)
    return _all_held(attempt, tuple(dict.fromkeys(spoken)), ms)


def _all_held(attempt: Resumption, spoken: tuple[str, ...], ms: float) -> Verdict:
    if not spoken:
        return Verdict("fail", "could not be checked: neither TLS 1.2 nor TLS 1.3 could be agreed on", ms)
    versions = " and ".join(spoken)
    if isinstance(attempt.revoked, Missing):
        return Verdict("skipped", f"{attempt.revoked.reason} (no session is resumed in TLS {versions})", ms)
    if isinstance(attempt.good, Missing):
        return Verdict("pass", f"the revoked agent is refused, also with a session offered (TLS {versions})", ms)
    return Verdict(
        "pass",
        f"no session is resumed, and the revoked agent is refused with or without one (TLS {versions})",
        ms,
    )


def _come_back(agent: Agent, target: str, version: str, revoked: bool) -> Verdict | None:
    """Visit twice, the second time with the session of the first. None where the version is not spoken."""
    first = agent.connect(target)
    if _is_not_spoken(first):
        return None
    second = agent.connect(target, session=first.session)
    ms = first.ms + second.ms
    if second.session_reused:
        return Verdict(
            "fail",
            f"the gateway resumed a session in TLS {version}: an agent that has one gets in after its"
            " revocation; look at SSLSessionCache (none) and SSLSessionTickets (off)",
            ms,
        )
    if revoked:
        verdicts = (certificate_verdict(first, _REVOKED), certificate_verdict(second, _REVOKED))
        worst = next((one for one in verdicts if one.result != "pass"), verdicts[0])
        return Verdict(worst.result, f"{worst.detail} (TLS {version})", ms)
    if not (first.opened or first.outcome is Outcome.REFUSED_BY_PROXY):
        return Verdict(unchecked(first).result, f"{unchecked(first).detail} (good agent, TLS {version})", ms)
    return Verdict("pass", "not resumed", ms)


def _is_not_spoken(visit: Visit) -> bool:
    """Whether the gateway does not speak this TLS version: it said so before it showed a certificate."""
    if visit.presented is not None:
        return False
    return visit.outcome is Outcome.NOT_TLS or (visit.outcome is Outcome.TLS_ALERT and visit.alert in _NOT_SPOKEN)
