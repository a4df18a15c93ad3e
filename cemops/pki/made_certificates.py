"""Making a key and its certificate below ``pki/``, for gateways and servers alike: self-signed or by a local authority.

A key is written before its certificate, so a crash leaves at most a key without certificate, which the next run
completes with that same key. A pair that was there and was judged unfit moves to ``retired/``: nothing is overwritten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cemops.errors import PkiError
from cemops.model import topology
from cemops.model.certificate_sources import IssuedBy, SelfSigned
from cemops.pki.authorities import certificate_pem, load_issuer, make_authority, pki_passphrase
from cemops.pki.inspection import certificate_facts
from cemops.pki.issuing import new_leaf_key, server_certificate, within, years_from
from cemops.pki.keyed_certificate import encrypted_key_pem, key_matches, plain_key_pem, read_encrypted_key

if TYPE_CHECKING:
    from datetime import datetime

    from pydantic import SecretStr

    from cemops.model.certificate_sources import CertificateSource
    from cemops.model.certificates import CertificateFacts
    from cemops.model.estate import Estate
    from cemops.pki.folder import Entry, PkiFolder
    from cemops.pki.issuing import Issuer, Validity
    from cemops.pki.keyed_certificate import PrivateKey
    from cemops.secret_store import SecretStore

ISSUED_VALID_YEARS = 5
"""Chosen by cemops, as for self-signed ones: long, because a new thumbprint cuts agents off (IG-06). A
certificate never outlives its authority."""


@dataclass(frozen=True)
class CertificateOrder:
    """What is to be made: for whom (for people: ``gateway gw1``), where it lies, its DNS names, and by whom."""

    owner: str
    entry: Entry
    names: tuple[str, ...]
    source: CertificateSource


def known_certificate(pki: PkiFolder, entry: Entry) -> CertificateFacts | None:
    """State what the certificate in ``pki/`` says, if its key is there too: else it is useless."""
    return pki.facts(entry.certificate) if pki.has(entry.key) else None


def make_certificate(
    estate: Estate, pki: PkiFolder, order: CertificateOrder, secrets: SecretStore, now: datetime
) -> tuple[str, ...]:
    """Make a key and a certificate; say what was made. The caller holds the folder's lock."""
    passphrase = pki_passphrase(estate, secrets, order.owner)
    made, issuer, validity = _terms(estate, pki, order, secrets, now)
    unfit = pki.facts(order.entry.certificate)
    if unfit is not None:
        pki.retire(order.entry, unfit)
    key = _complete_key(pki, order.entry, passphrase)
    certificate = server_certificate(order.names, key, validity, issuer)
    pki.write(order.entry.certificate, certificate_pem(certificate))
    facts = certificate_facts(certificate)
    by = "self-signed" if issuer is None else f"issued by {facts.issuer}"
    what = f"a certificate for {order.owner} ({', '.join(order.names)}), {by}"
    return (*made, f"made {what}, thumbprint {facts.sha1}, valid until {facts.not_after:%Y-%m-%d}")


def made_key_pem(estate: Estate, pki: PkiFolder, entry: Entry, owner: str, secrets: SecretStore) -> SecretStr:
    """Return the key of a pair made here, as PKCS#8 PEM without encryption: for stdin and SFTP only.

    PkiError where it is missing or another certificate's.
    """
    facts = pki.facts(entry.certificate)
    if facts is None or not pki.has(entry.key):
        raise PkiError(f"{entry.key} or its certificate is missing: restore the pki folder from its backup")
    key = read_encrypted_key(entry.key, pki_passphrase(estate, secrets, owner))
    if not key_matches(key, facts):
        raise PkiError(f"{entry.key} is not the key of {entry.certificate}: restore the pki folder")
    return plain_key_pem(key)


def _terms(
    estate: Estate, pki: PkiFolder, order: CertificateOrder, secrets: SecretStore, now: datetime
) -> tuple[tuple[str, ...], Issuer | None, Validity]:
    """Return what had to be made first, who signs the certificate (None: it itself), and for how long."""
    source = order.source
    if isinstance(source, SelfSigned):
        return (), None, years_from(now, source.self_signed.valid_years)
    if isinstance(source, IssuedBy):
        if topology.authority(estate, source.issued_by).source == "local":
            made = make_authority(estate, pki, source.issued_by, secrets, now)
        else:
            made = ()
        issuer = load_issuer(estate, pki, source.issued_by, secrets)
        return made, issuer, within(years_from(now, ISSUED_VALID_YEARS), issuer.certificate)
    raise PkiError(f"{order.owner} declares an exact certificate: none can be made for it")


def _complete_key(pki: PkiFolder, entry: Entry, passphrase: SecretStr) -> PrivateKey:
    if pki.has(entry.key):
        return read_encrypted_key(entry.key, passphrase)  # left by a run that was killed before the certificate
    key = new_leaf_key()
    pki.write_once(entry.key, encrypted_key_pem(key, passphrase))
    return key
