"""What must hold of a gateway's client CAs and CRLs before they go live (CE-08, ENGINEERING.md "Surprises" 6).

An expired CRL rejects every agent of its CA; a CRL that vanishes lets the revoked in; a CRL made afresh forgets
whom it had revoked. Each is refused here, in the plan, before a host is touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cemops.model.certificates import CertificateFacts, CrlFacts
from cemops.planning.changes import PlanWarning
from cemops.planning.materials import AuthorityMaterial

CRL_WARNING = timedelta(days=14)
"""DESIGN.md, "Revocation": under 14 days to its next update is a warning."""


@dataclass(frozen=True)
class LiveTrust:
    """Client CAs, CRLs and server certificate of the live release, read from its files."""

    authorities: tuple[CertificateFacts, ...] = ()
    crls: tuple[CrlFacts, ...] = ()
    certificate: CertificateFacts | None = None
    key_matches: bool = False
    """Whether the key on the host belongs to ``certificate``."""


@dataclass(frozen=True)
class TrustJudgement:
    """What speaks against the materials (errors: nothing is applied) and what the reader must know."""

    errors: tuple[str, ...]
    warnings: tuple[PlanWarning, ...]


def judge_trust(materials: Sequence[AuthorityMaterial], live: LiveTrust, now: datetime) -> TrustJudgement:
    """Judge the client CAs and CRLs that a gateway is to get."""
    errors: list[str] = []
    warnings: list[PlanWarning] = []
    for material in materials:
        errors += _authority_errors(material, live, now)
        warnings += _authority_warnings(material, now)
    if not materials:
        errors.append(
            "no authority would be in the client-CA bundle, so no agent could connect (C-01): list a Notification "
            "Server with a root_authority"
        )
    warnings += _removed(materials, live.authorities)
    return TrustJudgement(tuple(errors), tuple(warnings))


def _authority_errors(material: AuthorityMaterial, live: LiveTrust, now: datetime) -> Iterable[str]:
    name = f"authority {material.name}"
    if material.certificate is None and not material.will_make_certificate:
        yield f"{name} has no certificate: put its file where authorities.{material.name}.certificate says (C-01)"
        return
    if material.certificate is None:
        if any(ca.common_name and ca.common_name == material.common_name for ca in live.authorities):
            yield (
                f"{name} is not in the pki folder, but the gateway already trusts a CA of that name: restore the pki "
                "folder; a new CA would lock out every agent of the old one (CE-01)"
            )
        return
    if material.certificate.not_after <= now:
        yield (
            f"the certificate of {name} expired on {material.certificate.not_after:%Y-%m-%d}: every agent of it would "
            "be refused (CE-06)"
        )
    live_crl = next((crl for crl in live.crls if crl.signed_by == material.certificate.sha256), None)
    if material.crl is None:
        if live_crl is not None and not material.will_make_crl:
            yield (
                f"{name} has no CRL, but the live release has one: without it revoked agents would be let in again; "
                f"declare authorities.{material.name}.crl (CE-08)"
            )
        if live_crl is not None and material.will_make_crl:
            yield (
                f"{name} has no CRL in the pki folder, but the live release has one: restore the pki folder; a list "
                "made afresh would forget whom the old one had revoked (CE-08)"
            )
        return
    yield from _crl_errors(name, material.crl, live_crl, material, now)


def _crl_errors(
    name: str, crl: CrlFacts, live_crl: CrlFacts | None, material: AuthorityMaterial, now: datetime
) -> Iterable[str]:
    if crl.signed_by is None or material.certificate is None or crl.signed_by != material.certificate.sha256:
        yield f"the CRL of {name} is not signed by it: fetch the right file (issuer of the CRL: {crl.issuer}; CE-08)"
    if crl.next_update is not None and crl.next_update <= now and not material.will_make_crl:
        yield (
            f"the CRL of {name} expired on {crl.next_update:%Y-%m-%d %H:%M} UTC: httpd would refuse every agent of "
            "that CA; fetch a current one (CE-08)"
        )
    if live_crl is not None and _is_older(crl, live_crl):
        yield (
            f"the CRL of {name} is older than the live one ({_age(crl)}, live {_age(live_crl)}): agents revoked since "
            "would be let in again; use the newer file (CE-08)"
        )


def _is_older(crl: CrlFacts, live: CrlFacts) -> bool:
    if crl.number is not None and live.number is not None:
        return crl.number < live.number
    return crl.this_update < live.this_update


def _age(crl: CrlFacts) -> str:
    number = f"number {crl.number}, " if crl.number is not None else ""
    return f"{number}of {crl.this_update:%Y-%m-%d %H:%M} UTC"


def _authority_warnings(material: AuthorityMaterial, now: datetime) -> Iterable[PlanWarning]:
    if material.crl is None and not material.will_make_crl:
        yield PlanWarning(
            "no-crl",
            f"authority {material.name} has no CRL: its revoked agents are let in (the check runs as "
            "`leaf no_crl_for_cert_ok`)",
            "CE-08",
        )
    if material.crl is None or material.will_make_crl:
        return
    if material.crl.next_update is None:
        yield PlanWarning(
            "crl-without-next-update", f"the CRL of authority {material.name} names no next update", "CE-08"
        )
    elif now < material.crl.next_update < now + CRL_WARNING:
        yield PlanWarning(
            "crl-expires",
            f"the CRL of authority {material.name} expires on {material.crl.next_update:%Y-%m-%d %H:%M} UTC; from then "
            "on every agent of that CA is refused: fetch a new one before",
            "CE-08",
        )


def _removed(materials: Sequence[AuthorityMaterial], live: Sequence[CertificateFacts]) -> Iterable[PlanWarning]:
    kept = {material.certificate.sha256 for material in materials if material.certificate is not None}
    for ca in live:
        if ca.sha256 not in kept:
            yield PlanWarning(
                "agents-cut-off",
                f"the gateway no longer trusts the CA {ca.subject} ({ca.sha1}): its agents cannot connect any more",
                "C-01",
            )
