"""Do new tunnels open? The question of the rehearsal and of the check from outside (DESIGN.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cemops.probe.agent import Agent
from cemops.probe.visit import Outcome, Step, Visit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cemops.pki.keyed_certificate import KeyedCertificate
    from cemops.probe.streams import Stream

_BEHIND = frozenset({500, 502, 503, 504})
"""What a gateway answers that would let the tunnel through, but does not reach the server."""


@dataclass(frozen=True)
class TargetOpens:
    """One target. ``behind``: the gateway let the agent through, but did not reach the server."""

    target: str
    opened: bool
    behind: bool
    detail: str
    ms: float


@dataclass(frozen=True)
class OpensResult:
    """``ok``: new tunnels open, as far as could be seen. ``proven``: seen with an agent's certificate.

    ``faults`` are what speaks against the gateway itself; each is a sentence. ``targets`` is empty without an
    agent's certificate. A server that is down behind the gateway is no fault of the gateway, but at least one
    target must open for ``ok``; a caller that saw the same servers down before may go by ``faults`` alone.
    """

    ok: bool
    proven: bool
    faults: tuple[str, ...]
    targets: tuple[TargetOpens, ...]
    details: tuple[str, ...]
    """Everything, a line each, for people: faults first, then the targets."""


def check_opens(  # noqa: PLR0913 - keywords: the whole question in one call
    dial: Callable[[], Stream],
    *,
    sni: str,
    expected_thumbprint: str,
    agent: KeyedCertificate | None,
    targets: Sequence[str],
    timeout: float = 10.0,
) -> OpensResult:
    """Look at a gateway as agents do: thumbprint, no entry without certificate, tunnels to ``targets``.

    ``dial`` opens a new stream to the gateway (``tcp_dial``, ``ssh_dial``). ``targets`` are
    ``host:port`` texts. ``timeout`` seconds bound each attempt. Without ``agent`` only what a stranger
    sees is checked and ``proven`` is False. Raises PkiError where the agent's certificate cannot be
    used; whatever the gateway does is a result.
    """
    faults = _stranger_faults(
        Agent(dial, sni=sni, thumbprint=expected_thumbprint, timeout=timeout),
        targets[0] if targets else f"{sni}:443",
    )
    seen: tuple[TargetOpens, ...] = ()
    if agent is not None and not faults:
        known = Agent(dial, sni=sni, thumbprint=expected_thumbprint, credential=agent, timeout=timeout)
        seen = tuple(_look(known, target) for target in targets)
        faults = tuple(f"{one.target}: {one.detail}" for one in seen if not one.opened and not one.behind)
    opened = any(one.opened for one in seen)
    return OpensResult(
        ok=not faults and (agent is None or opened),
        proven=opened,
        faults=faults,
        targets=seen,
        details=(*faults, *(f"{one.target}: {one.detail}" for one in seen if one.opened or one.behind)),
    )


def _stranger_faults(stranger: Agent, target: str) -> tuple[str, ...]:
    """Check that a client without certificate is refused, by a server with the planned thumbprint."""
    visit = stranger.connect(target)
    if visit.outcome is Outcome.TLS_ALERT and visit.presented is not None:
        return ()
    if visit.outcome in {Outcome.OPENED, Outcome.REFUSED_BY_PROXY}:
        return (f"a client without certificate was let in: {visit.detail}",)
    return (visit.detail,)


def _look(agent: Agent, target: str) -> TargetOpens:
    visit = agent.connect(target)
    waits = visit.outcome is Outcome.TIMEOUT and visit.step is Step.REQUEST
    return TargetOpens(target, visit.opened, is_behind(visit) or waits, visit.detail, visit.ms)


def is_behind(visit: Visit) -> bool:
    """Whether the gateway says that it let the agent through and did not reach the server."""
    return visit.status in _BEHIND
