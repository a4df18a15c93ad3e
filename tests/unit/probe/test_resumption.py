"""A revoked agent that comes back on a session: what is shown, and what is not claimed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cemops.pki.keyed_certificate import KeyedCertificate
from cemops.probe.checks import Verdict
from cemops.probe.plan import Resumption
from cemops.probe.presented import PresentedCertificate
from cemops.probe.resumption import resumption_verdict
from cemops.probe.subject import Missing
from cemops.probe.visit import Outcome, Step, Visit

if TYPE_CHECKING:
    from cemops.probe.agent import Agent

GOOD = object.__new__(KeyedCertificate)
REVOKED = object.__new__(KeyedCertificate)
NONE = Missing("no revoked agent")
SHOWN = PresentedCertificate(b"der")

OPENED = Visit(Outcome.OPENED, "opened (200)", Step.REQUEST, {}, 200, None, SHOWN)
RESUMED = Visit(Outcome.OPENED, "opened (200)", Step.REQUEST, {}, 200, None, SHOWN, session_reused=True)
REFUSED = Visit(Outcome.TLS_ALERT, "refused", Step.REQUEST, {}, None, "certificate revoked", SHOWN)
NOT_SPOKEN = Visit(Outcome.TLS_ALERT, "alert", Step.OUTER_TLS, {}, None, "protocol version")
SILENT = Visit(Outcome.TIMEOUT, "no answer", Step.OUTER_TLS, {})


class Played:
    """An agent that visits as it is told."""

    def __init__(self, *visits: Visit) -> None:
        self._visits = list(visits)

    def connect(self, target: str, session: object = None) -> Visit:
        del target, session
        return self._visits.pop(0) if len(self._visits) > 1 else self._visits[0]


def verdict(good: Visit, revoked: Visit, *, again: Visit | None = None, other: Visit | None = None) -> Verdict:
    """``again``: the good agent's second visit. ``other``: every visit in TLS 1.2."""

    def agent_as(credential: KeyedCertificate, version: str) -> Agent:
        if other is not None and version == "1.2":
            return Played(other)  # type: ignore[return-value]  # only connect is used
        first = good if credential is GOOD else revoked
        second = again if again is not None and credential is GOOD else first
        return Played(first, second)  # type: ignore[return-value]  # only connect is used

    return resumption_verdict(Resumption(GOOD, REVOKED), "ns1:4726", agent_as)


def test_nothing_resumed_and_the_revoked_refused_passes() -> None:
    assert verdict(OPENED, REFUSED).detail == (
        "no session is resumed, and the revoked agent is refused with or without one (TLS 1.2 and 1.3)"
    )


def test_a_version_that_is_not_spoken_is_left_out() -> None:
    found = verdict(OPENED, REFUSED, other=NOT_SPOKEN)
    assert (found.result, found.detail[-9:]) == ("pass", "(TLS 1.3)")


def test_a_resumed_session_fails_though_the_revoked_agent_is_refused() -> None:
    found = verdict(OPENED, REFUSED, again=RESUMED)
    assert found.result == "fail"
    assert found.detail.startswith("the gateway resumed a session in TLS 1.2: ")


@pytest.mark.parametrize(
    ("good", "revoked", "detail"),
    [
        (OPENED, OPENED, "got through: opened (200); look at"),
        (OPENED, SILENT, "could not be checked: no answer"),
        (REFUSED, REFUSED, "could not be checked: refused (good agent, TLS 1.2)"),
        (NOT_SPOKEN, NOT_SPOKEN, "could not be checked: neither TLS 1.2 nor TLS 1.3 could be agreed on"),
    ],
)
def test_everything_else_fails(good: Visit, revoked: Visit, detail: str) -> None:
    found = verdict(good, revoked)
    assert found.result == "fail"
    assert found.detail.startswith(detail)


def test_without_a_revoked_agent_it_is_skipped_but_a_resumed_session_still_fails() -> None:
    attempt = Resumption(GOOD, NONE)
    calm = resumption_verdict(attempt, "ns1:4726", lambda *_: Played(OPENED))  # type: ignore[arg-type]  # as above
    assert calm == Verdict("skipped", "no revoked agent (no session is resumed in TLS 1.2 and 1.3)")
    kept = resumption_verdict(attempt, "ns1:4726", lambda *_: Played(OPENED, RESUMED))  # type: ignore[arg-type]  # as above
    assert kept.result == "fail"
