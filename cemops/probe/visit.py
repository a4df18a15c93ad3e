"""What one attempt of the agent came to: typed, with the exact text a person reads."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping

    from cemops.probe.presented import PresentedCertificate


class Outcome(Enum):
    """How an attempt ended."""

    OPENED = "opened"
    """A 2xx answer: for CONNECT the tunnel is open. With an inner handshake asked for, that succeeded too."""
    REFUSED_BY_PROXY = "refused_by_proxy"
    """An HTTP status other than 2xx; see ``status``."""
    TLS_ALERT = "tls_alert"
    """The other side refused the TLS connection; see ``alert``. In TLS 1.3 that comes on the first read."""
    THUMBPRINT_MISMATCH = "thumbprint_mismatch"
    NOT_TRUSTED = "not_trusted"
    """The inner certificate does not verify: chain, name or validity."""
    CONNECT_FAILED = "connect_failed"
    """No TCP connection (or SSH channel)."""
    CLOSED = "closed"
    """The connection ended without an answer and without an alert."""
    TIMEOUT = "timeout"
    NOT_TLS = "not_tls"
    NOT_HTTP = "not_http"


class Step(Enum):
    """Where an attempt was when it ended; the value is what people read."""

    DIAL = "connecting"
    OUTER_TLS = "TLS handshake with the gateway"
    REQUEST = "waiting for the gateway's answer"
    INNER_TLS = "TLS handshake with the server behind the gateway"


@dataclass(frozen=True)
class Visit:
    """One attempt, from dialling to its end.

    ``milliseconds`` has one entry for each step that was begun. ``presented`` is the gateway's
    certificate, ``inner`` the certificate of the server behind it. ``session`` is set where the gateway
    gave one that can be offered again; ``session_reused`` says whether it took the one that was
    offered.
    """

    outcome: Outcome
    detail: str
    step: Step
    milliseconds: Mapping[Step, float]
    status: int | None = None
    alert: str | None = None
    presented: PresentedCertificate | None = None
    inner: PresentedCertificate | None = None
    tls_version: str = ""
    session: ssl.SSLSession | None = None
    session_reused: bool = False

    @property
    def opened(self) -> bool:
        """Whether the agent got through."""
        return self.outcome is Outcome.OPENED

    @property
    def ms(self) -> float:
        """The whole attempt, in milliseconds."""
        return sum(self.milliseconds.values())


class EndingError(Exception):
    """Ends an attempt before its goal. Stays inside ``cemops.probe``."""

    def __init__(self, outcome: Outcome, detail: str, *, status: int | None = None, alert: str | None = None) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.detail = detail
        self.status = status
        self.alert = alert


@dataclass
class Notes:
    """What is written down while an attempt runs."""

    step: Step = Step.DIAL
    milliseconds: dict[Step, float] = field(default_factory=dict)
    presented: PresentedCertificate | None = None
    inner: PresentedCertificate | None = None
    tls_version: str = ""
    session: ssl.SSLSession | None = None
    session_reused: bool = False

    @contextmanager
    def timing(self, step: Step) -> Iterator[None]:
        """Everything inside belongs to ``step``."""
        self.step = step
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.milliseconds[step] = round((time.perf_counter() - begun) * 1000, 3)

    def visit(self, outcome: Outcome, detail: str, *, status: int | None = None, alert: str | None = None) -> Visit:
        """Return the finished record."""
        return Visit(
            outcome=outcome,
            detail=detail,
            step=self.step,
            milliseconds=dict(self.milliseconds),
            status=status,
            alert=alert,
            presented=self.presented,
            inner=self.inner,
            tls_version=self.tls_version,
            session=self.session,
            session_reused=self.session_reused,
        )
