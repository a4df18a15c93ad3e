"""What today's CRLs say of a backup: who would be let in again, and whether its certificate is revoked (CE-08)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from cemops.model.certificates import CertificateFacts, CrlFacts
from cemops.pki.backup_revocations import forgotten, is_revoked
from cemops.pki.inspection import certificate_facts, crl_facts
from cemops.pki.issuing import Issuer, new_leaf_key, self_signed_authority, server_certificate, within, years_from

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@cache
def authority(name: str) -> Issuer:
    key = new_leaf_key()
    return Issuer(self_signed_authority(name, key, years_from(NOW, 10)), key)


def facts(name: str) -> CertificateFacts:
    return certificate_facts(authority(name).certificate)


def crl(name: str, serials: Sequence[int]) -> x509.CertificateRevocationList:
    issuer = authority(name)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(NOW)
        .next_update(NOW + timedelta(days=30))
    )
    for serial in serials:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW).build()
        )
    return builder.sign(issuer.key, hashes.SHA256())


def stored(name: str, serials: Sequence[int]) -> CrlFacts:
    return crl_facts(crl(name, serials), [facts("One"), facts("Two")])


def test_who_is_on_todays_list_alone_would_be_let_in_again() -> None:
    bundle = [facts("One"), facts("Two")]
    assert forgotten(crl("One", [1, 2, 3]), bundle, [stored("One", [2]), stored("Two", [1, 3])]) == 2
    assert forgotten(crl("One", [1, 2]), bundle, [stored("One", [1, 2, 9])]) == 0
    assert forgotten(crl("One", [7]), bundle, []) == 1, "a backup without lists shuts nobody out"


def test_a_list_of_a_ca_that_is_not_restored_shuts_nobody_out() -> None:
    assert forgotten(crl("One", [1]), [facts("Two")], []) == 0


def test_a_certificate_is_revoked_by_its_own_issuers_list_alone() -> None:
    issuer = authority("One")
    made = server_certificate(("gw1.example",), new_leaf_key(), within(years_from(NOW, 1), issuer.certificate), issuer)
    mine = certificate_facts(made)
    assert is_revoked(crl("One", [mine.serial]), mine)
    assert not is_revoked(crl("One", [mine.serial + 1]), mine)
    assert not is_revoked(crl("Two", [mine.serial]), mine)
