"""How a plan shows what becomes of a gateway's certificate, and who is cut off by it: the same for every layout."""

from __future__ import annotations

from cemops.model.certificates import CertificateFacts
from cemops.planning.certificate_choice import CertificateChoice
from cemops.planning.changes import PlanWarning


def certificate_data(facts: CertificateFacts | None) -> dict[str, str] | None:
    """Return what a change shows of a certificate."""
    if facts is None:
        return None
    return {
        "subject": facts.subject,
        "sha1": facts.sha1,
        "sha256": facts.sha256,
        "not_after": facts.not_after.isoformat(),
        "key_type": facts.key_type,
    }


def cut_off_by(host: str, choice: CertificateChoice, pinned: CertificateFacts | None) -> tuple[str, ...]:
    """Return who loses the gateway: whoever pins what serves now, or what the last apply left serving (IG-06)."""
    if pinned is None or all(warning.code != "agents-cut-off" for warning in choice.warnings):
        return ()
    new = f"{choice.facts.sha1} serves" if choice.facts else "the new certificate serves"
    return (f"{host}: agents that know only thumbprint {pinned.sha1} cannot connect once {new}",)


def not_proven(unproven: tuple[str, ...]) -> tuple[PlanWarning, ...]:
    """Return a warning for each Notification Server as whose agent no tunnel can be opened for a check."""
    return tuple(
        PlanWarning(
            "not-proven",
            f"no agent's certificate of {server} can be had, so apply can check that strangers are refused, but open "
            f"no tunnel as its agent: declare a probe_certificate for {server}",
            "C-04",
        )
        for server in unproven
    )
