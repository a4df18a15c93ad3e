"""Which certificate a server's HTTPS endpoint gets: one that is there wherever it fits, else the declared one.

The rules, by the declared kind:

1. ``pfx`` and ``thumbprint`` declare one exact certificate. A PFX is imported only where its thumbprint is missing in
   My of the computer, or there without its key.
2. ``self_signed`` and ``issued_by`` a local authority: PKI's own record of this purpose where it is in My; else a newer
   record (it was made for a replacement); else the one in My that fits, the endpoint's own first; else PKI's record;
   else one is made.
3. ``issued_by`` a vendor's authority: the fitting one in My that is valid longest; else a step of the operator (CE-11).

Fits: every name that is asked for, validity, server use, issuer (CE-02, NS-01). What is imported has at least 30 days
of validity left (CE-02). Signatures are PKI's to check.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from cemops.model.certificates import CertificateFacts
from cemops.model.windows_observed import StoredCertificateFound
from cemops.planning.certificate_choice import expiry_warnings
from cemops.planning.certificate_fitness import issuer_problems, name_problems, use_problems, validity_problems
from cemops.planning.changes import PlanWarning
from cemops.planning.windows.materials import ServerCertificateMaterial

IMPORT_DAYS = 30
"""CE-02: days of validity that a certificate has left when it is imported."""

Source = Literal["stored", "deliver", "make", "operator", "refuse"]


@dataclass(frozen=True)
class ServerCertificateChoice:
    """The certificate of one purpose, and where it comes from.

    ``stored``: in My with its key. ``deliver``: import ``facts``. ``make``: apply makes it. ``operator``: a person has
    it made with the vendor's tools. ``refuse``: nothing can be planned; ``reasons`` say why and what to do.
    """

    source: Source
    facts: CertificateFacts | None = None
    reasons: tuple[str, ...] = ()
    warnings: tuple[PlanWarning, ...] = ()


def thumbprints(facts: CertificateFacts) -> tuple[str, str]:
    """Return both thumbprints of a certificate; http.sys may name it by either."""
    return facts.sha1, facts.sha256


def choose_for_server(
    material: ServerCertificateMaterial,
    personal: Iterable[StoredCertificateFound],
    held: str | None,
    now: datetime,
) -> ServerCertificateChoice:
    """Choose the certificate to deliver; ``held``: the thumbprint that http.sys names for the endpoint."""
    keyed = tuple(found.facts for found in personal if found.has_private_key)
    if material.problem is not None:
        return _refused(material.problem)
    if material.kind == "thumbprint":
        return _by_thumbprint(material, keyed, now)
    if material.kind == "pfx":
        return _by_pfx(material, keyed, now)
    return _made(material, keyed, held, now)


def _refused(reason: str) -> ServerCertificateChoice:
    return ServerCertificateChoice("refuse", reasons=(reason,))


def stored_for_server(
    material: ServerCertificateMaterial, personal: Iterable[StoredCertificateFound], now: datetime
) -> CertificateFacts | None:
    """Return the declared certificate if it is in My with its key and fits (install certificate off, SS-13)."""
    keyed = tuple(found.facts for found in personal if found.has_private_key)
    if material.kind in ("thumbprint", "pfx"):
        wanted = {material.thumbprint} if material.facts is None else set(thumbprints(material.facts))
        exact = (facts for facts in keyed if wanted & set(thumbprints(facts)))
        return next((facts for facts in exact if not _unfit(material, facts, now)), None)
    return _longest(facts for facts in keyed if not _unfit(material, facts, now))


def _unfit(material: ServerCertificateMaterial, facts: CertificateFacts, now: datetime) -> tuple[str, ...]:
    """Say why a certificate cannot serve; one that is declared exactly must carry the FQDN, others every name."""
    names = material.names[:1] if material.kind in ("pfx", "thumbprint") else material.names
    self_issued = material.kind == "issued_by" and facts.subject == facts.issuer
    unknown_issuer = material.kind == "issued_by" and material.issuer is None and material.can_make
    return (
        *(problem for name in names for problem in name_problems(facts, name)),
        *validity_problems(facts, now),
        *use_problems(facts),
        *issuer_problems(facts, material.kind, material.issuer),
        *(("it is self-signed",) if self_issued else ()),
        *((f"its issuer {material.issuer_name} has no certificate yet",) if unknown_issuer else ()),
    )


def _by_thumbprint(
    material: ServerCertificateMaterial, keyed: tuple[CertificateFacts, ...], now: datetime
) -> ServerCertificateChoice:
    found = next((facts for facts in keyed if material.thumbprint in thumbprints(facts)), None)
    if found is None:
        return _refused(
            f"no certificate {material.thumbprint} with its private key is in LocalMachine\\My: import it there, "
            "correct the thumbprint, or declare a pfx (CE-04)"
        )
    return _exact(material, found, "stored", now)


def _by_pfx(
    material: ServerCertificateMaterial, keyed: tuple[CertificateFacts, ...], now: datetime
) -> ServerCertificateChoice:
    if material.facts is None:
        return _refused("the declared .pfx holds no certificate: export it again, with its key (CE-02)")
    stored = any(facts.sha256 == material.facts.sha256 for facts in keyed)
    return _exact(material, material.facts, "stored" if stored else "deliver", now)


def _exact(
    material: ServerCertificateMaterial, facts: CertificateFacts, source: Source, now: datetime
) -> ServerCertificateChoice:
    problems = _unfit(material, facts, now)
    if source == "deliver":
        problems = (*problems, *_too_short(facts, now), *_not_rsa(facts))
    if problems:
        repair = f"declare a certificate that fits {material.names[0]} (CE-02)"
        reasons = (f"the declared certificate {facts.sha1} cannot serve: {'; '.join(problems)}; {repair}",)
        return ServerCertificateChoice("refuse", facts, reasons)
    return ServerCertificateChoice(source, facts, warnings=_warnings(material, facts, now))


def _too_short(facts: CertificateFacts, now: datetime) -> tuple[str, ...]:
    left = facts.not_after - now
    if left >= timedelta(days=IMPORT_DAYS):
        return ()
    return (f"it expires on {facts.not_after:%Y-%m-%d}, and {IMPORT_DAYS} days must be left when it is imported",)


def _not_rsa(facts: CertificateFacts) -> tuple[str, ...]:
    return () if facts.key_type.startswith("RSA") else (f"its key is {facts.key_type}, and Windows servers need RSA",)


def _made(
    material: ServerCertificateMaterial, keyed: tuple[CertificateFacts, ...], held: str | None, now: datetime
) -> ServerCertificateChoice:
    fitting = tuple(facts for facts in keyed if not _unfit(material, facts, now))
    known = material.facts
    if known is not None and (_unfit(material, known, now) or material.vendor):
        known = None
    best = _longest(fitting)
    if known is not None and any(facts.sha256 == known.sha256 for facts in fitting):
        return _stored(material, known, now)
    importable = known is not None and not _too_short(known, now)
    if known is not None and importable and (best is None or known.not_before > best.not_before):
        return ServerCertificateChoice("deliver", known, warnings=_warnings(material, known, now))
    if best is not None:
        own = None if material.vendor else next((facts for facts in fitting if held in thumbprints(facts)), None)
        return _stored(material, own or best, now)
    if material.can_make:
        return ServerCertificateChoice("make")
    if material.vendor:
        return ServerCertificateChoice("operator")
    return _refused(
        f"no certificate of {material.issuer_name} for {', '.join(material.names)} is in LocalMachine\\My, and cemops "
        "cannot issue one: have it issued there and declare it as pfx (CE-02)"
    )


def _stored(material: ServerCertificateMaterial, facts: CertificateFacts, now: datetime) -> ServerCertificateChoice:
    return ServerCertificateChoice("stored", facts, warnings=_warnings(material, facts, now))


def _longest(candidates: Iterable[CertificateFacts]) -> CertificateFacts | None:
    """Return the certificate that is valid longest; of equals always the same one."""
    return max(candidates, key=lambda facts: (facts.not_after, facts.not_before, facts.sha256), default=None)


def _warnings(material: ServerCertificateMaterial, facts: CertificateFacts, now: datetime) -> tuple[PlanWarning, ...]:
    missing = [name for name in material.names if name_problems(facts, name)]
    warnings = list(expiry_warnings(facts, now))
    if missing:
        warnings.append(
            PlanWarning(
                "names-missing",
                f"the declared certificate {facts.sha1} lacks {', '.join(missing)}: agents that use these names "
                "refuse it; have one issued that carries them all",
                "NS-01",
            )
        )
    if not facts.key_type.startswith("RSA"):
        warnings.append(
            PlanWarning(
                "key-not-rsa",
                f"the key of the certificate {facts.sha1} is {facts.key_type}; the vendor asks for RSA",
                "CE-02",
            )
        )
    return tuple(warnings)
