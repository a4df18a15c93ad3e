"""Putting a chosen certificate into LocalMachine: leaf and key to My, intermediates to CA, self-signed roots to Root.

Only what is missing is put there (CE-04). Nothing is ever removed, and the rights on a private key are left as they
are: the estate declares no account for them. A vendor's certificate that is not there yet is a step of the operator.
"""

from __future__ import annotations

from collections.abc import Iterator

from cemops.model.certificates import CertificateFacts
from cemops.model.windows_observed import ObservedWindows
from cemops.planning.changes import KNOWN_AFTER_APPLY, Action, Change, Resource
from cemops.planning.windows.desired import DesiredBinding
from cemops.planning.windows.materials import ServerCertificateMaterial
from cemops.planning.windows.plan import PayloadAction, WindowsPlan
from cemops.planning.windows.server_certificate import ServerCertificateChoice

MY = "My"
_TOOLS = "the NS's folder Notification Server\\Bin\\Tools"


def certificate_data(facts: CertificateFacts) -> dict[str, str]:
    """Return what a plan shows of a certificate."""
    return {
        "subject": facts.subject,
        "thumbprint": facts.sha1,
        "sha256": facts.sha256,
        "not_after": facts.not_after.isoformat(),
    }


def deliver(
    host: str, desired: DesiredBinding, choice: ServerCertificateChoice, observed: ObservedWindows
) -> WindowsPlan:
    """Plan the delivery of one purpose's certificate; empty where everything is in its store."""
    material = desired.material
    if material is None or choice.source == "refuse":
        return WindowsPlan()
    if choice.source == "operator":
        return WindowsPlan(changes=(_vendor_step(host, desired, material),))
    changes, actions = [], []
    if choice.source == "make":
        changes.append(_to_make(host, desired, material))
        if material.issuer_subject is not None:
            changes.append(_add_unknown(host, material.issuer_subject))
    elif choice.source == "deliver" and choice.facts is not None:
        change = _import(host, desired, material, choice.facts)
        changes.append(change)
        fields = {"store": MY, "thumbprint": choice.facts.sha1}
        actions.append(PayloadAction("certificate.import_pfx", fields, change.id, f"pfx:{desired.purpose}"))
    for store, facts in _missing_of_chain(material, observed):
        change = _add(host, store, facts)
        changes.append(change)
        fields = {"store": store, "thumbprint": facts.sha1, "der": _base64_of_der(facts)}
        actions.append(PayloadAction("certificate.add", fields, change.id))
    return WindowsPlan(
        changes=tuple(changes),
        actions=tuple(actions),
        to_make=(desired.purpose,) if choice.source == "make" else (),
    )


def _missing_of_chain(
    material: ServerCertificateMaterial, observed: ObservedWindows
) -> Iterator[tuple[str, CertificateFacts]]:
    for facts in material.chain:
        store = "Root" if facts.subject == facts.issuer else "CA"
        present = {found.facts.sha256 for found in observed.stores.get(store) or ()}
        if facts.sha256 not in present:
            yield store, facts


def _import(host: str, desired: DesiredBinding, material: ServerCertificateMaterial, facts: CertificateFacts) -> Change:
    return Change(
        host,
        Resource.CERTIFICATE,
        _name(desired),
        Action.DELIVER,
        f"the certificate for {desired.purpose} is not in LocalMachine\\{MY} with its key (CE-02)",
        after={"names": ", ".join(material.names), **certificate_data(facts)},
    )


def _add(host: str, store: str, facts: CertificateFacts) -> Change:
    what = "root" if store == "Root" else "intermediate authority"
    return Change(
        host,
        Resource.CERTIFICATE,
        f"LocalMachine\\{store} {facts.subject}",
        Action.DELIVER,
        f"the {what} {facts.subject} is not in the computer's store {store} (CE-04)",
        after=certificate_data(facts),
    )


def _add_unknown(host: str, subject: str) -> Change:
    """Say that the root of an authority that is still to be made goes to the roots, too."""
    return Change(
        host,
        Resource.CERTIFICATE,
        f"LocalMachine\\Root {subject}",
        Action.DELIVER,
        f"the root {subject}, which is made first, is not in the computer's store Root (CE-04)",
        after={"subject": subject, "thumbprint": KNOWN_AFTER_APPLY},
    )


def _name(desired: DesiredBinding) -> str:
    """Name a purpose's certificate the same before and after it is made: a saved plan speaks of both."""
    return f"LocalMachine\\{MY} for {desired.purpose}"


def _to_make(host: str, desired: DesiredBinding, material: ServerCertificateMaterial) -> Change:
    by = "self-signed" if material.kind == "self_signed" else f"issued by {material.issuer_name}"
    return Change(
        host,
        Resource.CERTIFICATE,
        _name(desired),
        Action.DELIVER,
        f"no certificate for {', '.join(material.names)} is there: one is made, {by}, and imported (CE-02)",
        after={"names": ", ".join(material.names), "thumbprint": KNOWN_AFTER_APPLY},
    )


def _vendor_step(host: str, desired: DesiredBinding, material: ServerCertificateMaterial) -> Change:
    names = ", ".join(material.names)
    if desired.purpose in ("agent-site", "console"):
        how = f"have {material.issuer_name} issue one in the console for these names"
    else:
        how = f"run AeXGenSiteServerCert {material.names[0]} -o FILE.pfx -p PASSWORD in {_TOOLS}"
    return Change(
        host,
        Resource.CERTIFICATE,
        _name(desired),
        Action.OPERATOR,
        f"no certificate of {material.issuer_name} for {names} is in LocalMachine\\{MY}: {how}, import it into the "
        f"computer's store {MY} with its key, then plan again; what needs it waits (CE-11)",
        after={"names": names, "issuer": str(material.issuer_name)},
    )


def _base64_of_der(facts: CertificateFacts) -> str:
    """Return the certificate's DER as base64: that is what stands between the lines of its PEM."""
    return "".join(line for line in facts.pem.splitlines() if not line.startswith("-----"))
