"""The checks: ids, what each expects, the fact behind it, and the shape of a result (DESIGN.md, JSON)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

Expect = Literal["allow", "deny"]
Result = Literal["pass", "fail", "skipped"]

UNCHECKED = "could not be checked: "
"""Begins the detail of a check that failed because it could not be made."""


class CheckId(Enum):
    """Ids of the contract, in the order in which they are reported."""

    THUMBPRINT = "gateway.thumbprint"
    TUNNEL_ALLOWED = "gateway.tunnel.allowed"
    INNER_TLS = "gateway.inner_tls"
    UNLISTED_HOST = "gateway.deny.unlisted_host"
    UNLISTED_PORT = "gateway.deny.unlisted_port"
    CROSS_PAIR = "gateway.deny.cross_pair"
    PORT_PREFIX = "gateway.deny.port_prefix"
    IP_ADDRESS = "gateway.deny.ip_address"
    NO_CERTIFICATE = "gateway.deny.no_certificate"
    UNKNOWN_CA = "gateway.deny.unknown_ca"
    REVOKED = "gateway.deny.revoked"
    REVOKED_RESUMED = "gateway.deny.revoked_resumed"
    EXPIRED = "gateway.deny.expired"
    PLAIN_GET = "gateway.deny.plain_get"

    @property
    def expect(self) -> Expect:
        """Whether the agent is meant to get through."""
        return "deny" if self.value.startswith("gateway.deny.") else "allow"

    @property
    def fact(self) -> str:
        """The fact of DOMAIN.md that the check proves."""
        return FACTS[self]


FACTS = {
    CheckId.THUMBPRINT: "IG-06",
    CheckId.TUNNEL_ALLOWED: "C-02",
    CheckId.INNER_TLS: "C-03",
    CheckId.UNLISTED_HOST: "C-02",
    CheckId.UNLISTED_PORT: "C-02",
    CheckId.CROSS_PAIR: "IG-02",
    CheckId.PORT_PREFIX: "IG-02",
    CheckId.IP_ADDRESS: "IG-02",
    CheckId.NO_CERTIFICATE: "C-01",
    CheckId.UNKNOWN_CA: "C-01",
    CheckId.REVOKED: "CE-08",
    CheckId.REVOKED_RESUMED: "CE-08",
    CheckId.EXPIRED: "C-01",
    CheckId.PLAIN_GET: "P-03",
}


@dataclass(frozen=True)
class Verdict:
    """How one check came out: ``detail`` says what happened and, for a failure, what to look at."""

    result: Result
    detail: str
    ms: float = 0.0
    behind: bool = False
    """Whether the gateway did its part and what lies behind it failed: the server, its certificate, the way to it."""


@dataclass(frozen=True)
class CheckResult:
    """One line of the probe's report. ``target`` is the text sent after CONNECT; ``ms`` the time it took."""

    check: CheckId
    gateway: str
    target: str
    verdict: Verdict

    @property
    def result(self) -> Result:
        """``pass``, ``fail`` or ``skipped``."""
        return self.verdict.result

    def as_json(self) -> dict[str, object]:
        """Give the object of the contract."""
        return {
            "id": self.check.value,
            "gateway": self.gateway,
            "target": self.target,
            "expect": self.check.expect,
            "result": self.verdict.result,
            "detail": self.verdict.detail,
            "fact": self.check.fact,
            "ms": round(self.verdict.ms, 1),
        }


@dataclass(frozen=True)
class ProbeReport:
    """All results, gateway by gateway in the order of the estate."""

    results: tuple[CheckResult, ...]

    def count(self, result: Result) -> int:
        """How many checks came out so."""
        return sum(one.result == result for one in self.results)

    @property
    def unproven_gateways(self) -> tuple[str, ...]:
        """Gateways through which no agent was seen to get: nothing was proven of them."""
        proven = {one.gateway for one in self.results if one.check is CheckId.TUNNEL_ALLOWED and one.result == "pass"}
        return tuple(dict.fromkeys(one.gateway for one in self.results if one.gateway not in proven))

    @property
    def ok(self) -> bool:
        """No check failed, and through every gateway an agent got to a server."""
        return bool(self.results) and not self.count("fail") and not self.unproven_gateways

    def as_json(self) -> dict[str, object]:
        """Give the document of the contract."""
        return {
            "schema": 1,
            "checks": [one.as_json() for one in self.results],
            "summary": {result: self.count(result) for result in ("pass", "fail", "skipped")},
        }
