"""Which certificate a gateway gets: the live one wherever it fits, because agents pin its thumbprint (IG-06).

The rules (DESIGN.md, Gateway on disk), in the order in which they are applied:

1. ``self_signed`` and ``issued_by`` are satisfied by a live certificate that fits by name, key and validity,
   whoever made it: a lost ``pki/`` folder or a second operator never makes a new one.
2. ``pfx`` and ``thumbprint`` declare one exact certificate, and so does a backup that is restored: another live one
   is replaced.
3. A live certificate that has run out, or whose key is not there, does not fit.
4. Any change of a live thumbprint carries the warning ``agents-cut-off`` (CE-05); so does putting
   another one on a rebuilt gateway than it was last seen serving.

Not handled here: signatures (``pki`` checks them when it reads), and whether agents trust the issuer (CE-10).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from cemops.model.certificates import CertificateFacts
from cemops.planning.certificate_fitness import (
    fits,
    issuer_problems,
    name_problems,
    use_problems,
    validity_problems,
)
from cemops.planning.changes import PlanWarning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cemops.planning.materials import GatewayCertificateMaterial, GatewayMaterials

CERTIFICATE_WARNING_DAYS = 60
"""CE-09: CertificateExpirationWarningDays."""
NO_CERTIFICATE = "the gateway has no certificate yet"

__all__ = ["CertificateChoice", "choose_certificate", "fits", "lost_authorities"]

ChoiceAction = Literal["keep", "deliver", "generate", "replace", "refuse"]


@dataclass(frozen=True)
class CertificateChoice:
    """What happens to the gateway's certificate, and why.

    ``keep``: the live one stays. ``deliver``: ``facts`` is put there, and no live thumbprint changes by it.
    ``generate``: none is live, and one is made. ``replace``: the live thumbprint changes, to ``facts`` or,
    where that is None, to one that will be made. ``refuse``: nothing can be planned; ``reasons`` say why and
    what to do.
    """

    action: ChoiceAction
    facts: CertificateFacts | None
    reasons: tuple[str, ...] = ()
    warnings: tuple[PlanWarning, ...] = ()

    @property
    def will_be_made(self) -> bool:
        """Whether apply has to make a certificate: its thumbprint is known after apply."""
        return self.action in ("generate", "replace") and self.facts is None


@dataclass(frozen=True)
class _Situation:
    """The inputs of one choice."""

    material: GatewayCertificateMaterial
    live: CertificateFacts | None
    live_key_matches: bool
    fqdn: str
    now: datetime

    @property
    def live_problems(self) -> tuple[str, ...]:
        """Why the live certificate cannot stay: name, key, validity; nothing else takes it away."""
        if self.live is None:
            return ()
        key = () if self.live_key_matches else ("its key on the gateway is missing or another certificate's",)
        return (*name_problems(self.live, self.fqdn), *validity_problems(self.live, self.now), *key)

    @property
    def pinned(self) -> CertificateFacts | None:
        """The certificate that agents pin: the live one; on a rebuilt gateway, the one that served last."""
        return self.live or self.material.recorded

    @property
    def known_fits(self) -> bool:
        """Whether the certificate that the operator's side holds could serve."""
        facts = self.material.facts
        return facts is not None and not fits(
            facts, self.fqdn, self.now, kind=self.material.kind, issuer=self.material.issuer
        )


def choose_certificate(
    material: GatewayCertificateMaterial,
    live: CertificateFacts | None,
    live_key_matches: bool,
    fqdn: str,
    now: datetime,
) -> CertificateChoice:
    """Choose the certificate of one gateway.

    ``live`` is what it serves now, None where it has none; ``live_key_matches``: the key there belongs to
    ``live``.
    """
    situation = _Situation(material, live, live_key_matches, fqdn, now)
    if material.kind == "pfx":
        return _choose_exact(situation, _PFX)
    if material.kind == "backup":
        return _choose_exact(situation, _BACKUP)
    if material.kind == "thumbprint":
        return _choose_thumbprint(situation)
    return _choose_made(situation)


def lost_authorities(materials: GatewayMaterials, live_authorities: Sequence[CertificateFacts]) -> tuple[str, ...]:
    """Say which local authorities would be made although the gateway already trusts one of that name.

    Their files are lost, not missing: a new authority of the old name would shut out every agent of the old
    one.
    """
    live_names = {facts.common_name for facts in live_authorities}
    return tuple(
        f"the authority {material.name} is not in the pki folder, but the gateway already trusts an "
        f"authority named {material.common_name}: restore the pki folder from its backup"
        for material in materials.authorities
        if material.will_make_certificate and material.common_name in live_names
    )


def _choose_made(situation: _Situation) -> CertificateChoice:
    """Kinds ``self_signed`` and ``issued_by``: the live one if it fits, else the known, else a new one."""
    live, known = situation.live, situation.material.facts
    problems = situation.live_problems
    if live is not None and not problems:
        return CertificateChoice("keep", live, (), _keep_warnings(situation, live))
    if situation.known_fits and known is not None:
        return _put(situation, known, problems)
    return _make(situation, problems)


def _make(situation: _Situation, problems: tuple[str, ...]) -> CertificateChoice:
    live, material = situation.live, situation.material
    if not material.can_make:
        return CertificateChoice(
            "refuse",
            None,
            (
                *problems,
                "its issuer is not a local authority: have a certificate issued there and declare it as pfx",
            ),
        )
    if live is not None and material.issuer is None and material.issuer_subject == live.issuer:
        return CertificateChoice(
            "refuse",
            None,
            (
                *problems,
                f"its issuer {live.issuer} is not in the pki folder: restore the folder from its backup",
            ),
        )
    warnings = _cut_off(situation.pinned, None)
    if live is None:
        return CertificateChoice("generate", None, (NO_CERTIFICATE,), warnings)
    return CertificateChoice("replace", None, problems, warnings)


@dataclass(frozen=True)
class _ExactWords:
    """How people are told of a certificate that is given with its key."""

    empty: str
    unfit: str
    other: str


_PFX = _ExactWords(
    empty="the declared .pfx holds no certificate: export it again",
    unfit="correct the fqdn, or declare a .pfx with a certificate that fits (CE-02)",
    other="the estate declares another certificate, as .pfx",
)
_BACKUP = _ExactWords(
    empty="the backup holds no certificate: name another backup",
    unfit="leave certificates out of --parts, or name another backup (CE-02)",
    other="the backup holds another certificate",
)


def _choose_exact(situation: _Situation, words: _ExactWords) -> CertificateChoice:
    """Kinds ``pfx`` and ``backup``: this certificate and no other."""
    kind, declared = situation.material.kind, situation.material.facts
    if declared is None:
        return CertificateChoice("refuse", None, (words.empty,))
    problems = fits(declared, situation.fqdn, situation.now, kind=kind, issuer=None)
    if problems:
        return CertificateChoice("refuse", declared, (*problems, words.unfit))
    live = situation.live
    if live is not None and live.sha256 == declared.sha256 and situation.live_key_matches:
        return CertificateChoice("keep", live, (), expiry_warnings(live, situation.now))
    return _put(situation, declared, (words.other,))


def _choose_thumbprint(situation: _Situation) -> CertificateChoice:
    material, live = situation.material, situation.live
    thumbprint = material.thumbprint or ""
    if live is not None and thumbprint in (live.sha1, live.sha256):
        if not situation.live_problems:
            return CertificateChoice("keep", live, (), _keep_warnings(situation, live))
        declared: CertificateFacts | None = live if material.facts is None else material.facts
    else:
        declared = material.facts
    if declared is None or thumbprint not in (declared.sha1, declared.sha256):
        return CertificateChoice(
            "refuse",
            None,
            (f"no certificate {thumbprint} is on the gateway or in pki/: correct it, or declare a pfx",),
        )
    problems = fits(declared, situation.fqdn, situation.now, kind="thumbprint", issuer=None)
    if problems or material.facts is None:
        return CertificateChoice(
            "refuse",
            declared,
            (
                *(problems or situation.live_problems),
                "declare a certificate that fits, as pfx or by its thumbprint",
            ),
        )
    return _put(situation, material.facts, ("the estate declares another certificate, by its thumbprint",))


def _put(situation: _Situation, facts: CertificateFacts, reasons: tuple[str, ...]) -> CertificateChoice:
    """Put a known certificate there: ``deliver`` where no live thumbprint changes by it, else ``replace``."""
    live = situation.live
    warnings = (*_cut_off(situation.pinned, facts), *expiry_warnings(facts, situation.now))
    if live is None:
        return CertificateChoice("deliver", facts, (NO_CERTIFICATE,), warnings)
    if live.sha256 == facts.sha256:
        return CertificateChoice("deliver", facts, situation.live_problems, warnings)
    return CertificateChoice("replace", facts, reasons, warnings)


def _keep_warnings(situation: _Situation, live: CertificateFacts) -> tuple[PlanWarning, ...]:
    material = situation.material
    warnings = list(expiry_warnings(live, situation.now))
    kept = "it is kept, because agents pin its thumbprint"
    known = [facts.sha256 for facts in (material.facts, material.recorded) if facts is not None]
    if material.kind != "thumbprint" and live.sha256 not in known:
        warnings.append(
            PlanWarning(
                "unrecorded-certificate",
                f"the live certificate {live.sha1} is not the one that the pki folder knows: {kept}; "
                "make sure that somebody has a backup of its key",
                "IG-06",
            )
        )
    differs = (*use_problems(live), *issuer_problems(live, material.kind, material.issuer))
    warnings.extend(
        PlanWarning(
            "certificate-differs",
            f"the live certificate differs from what is declared ({text}): {kept}",
            "IG-06",
        )
        for text in differs
    )
    return tuple(warnings)


def _cut_off(pinned: CertificateFacts | None, planned: CertificateFacts | None) -> tuple[PlanWarning, ...]:
    if pinned is None or (planned is not None and planned.sha256 == pinned.sha256):
        return ()
    to = "a new one (known after apply)" if planned is None else planned.sha1
    return (
        PlanWarning(
            "agents-cut-off",
            f"the gateway's thumbprint changes from {pinned.sha1} to {to}: agents that have not got the "
            "new one by policy before cannot connect to this gateway any more (replace it in stages: CE-05)",
            "IG-06",
        ),
    )


def expiry_warnings(facts: CertificateFacts, now: datetime) -> tuple[PlanWarning, ...]:
    """Warn of a certificate that runs out soon: the platform itself does not for these (CE-09)."""
    left = facts.not_after - now
    if left >= timedelta(days=CERTIFICATE_WARNING_DAYS):
        return ()
    return (
        PlanWarning(
            "certificate-expires",
            f"the certificate {facts.sha1} expires on {facts.not_after:%Y-%m-%d}, in {left.days} days: "
            "start its replacement now, agents that are away need at least two weeks (CE-05)",
            "CE-09",
        ),
    )
