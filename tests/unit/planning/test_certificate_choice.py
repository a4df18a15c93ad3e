"""Every row of "which certificate does the gateway get" (DESIGN.md, Gateway on disk; IG-06, CE-05, CE-09)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cemops.model.certificates import CertificateFacts
from cemops.planning.certificate_choice import choose_certificate, fits, lost_authorities
from cemops.planning.materials import AuthorityMaterial, GatewayCertificateMaterial, GatewayMaterials

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FQDN = "gw1.northwind.example"
SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"


def certificate(letter: str, **changes: Any) -> CertificateFacts:
    """A self-signed certificate for FQDN; ``letter`` makes its thumbprints."""
    facts = CertificateFacts(
        pem=f"pem {letter}",
        subject=f"CN={FQDN}",
        common_name=FQDN,
        dns_names=(FQDN,),
        issuer=f"CN={FQDN}",
        serial=1,
        not_before=NOW - timedelta(days=1),
        not_after=NOW + timedelta(days=365),
        sha1=letter * 40,
        sha256=letter * 64,
        public_key_sha256=letter.lower() * 64,
        key_type="RSA-2048",
        is_ca=False,
        extended_key_usages=(SERVER_AUTH,),
    )
    return replace(facts, **changes)


CA = certificate("C", subject="CN=DMZ CA", issuer="CN=DMZ CA", common_name="DMZ CA", is_ca=True)
LIVE = certificate("A")
OTHER = certificate("B")
EXPIRED = certificate("A", not_after=NOW - timedelta(days=1))
ISSUED = certificate("A", issuer="CN=DMZ CA")

SELF_SIGNED = GatewayCertificateMaterial("self_signed", None, can_make=True)
ISSUED_BY = GatewayCertificateMaterial("issued_by", None, issuer=CA, can_make=True)
ISSUED_ELSEWHERE = GatewayCertificateMaterial("issued_by", None, issuer=CA, can_make=False)
LOST_ISSUER = GatewayCertificateMaterial("issued_by", None, issuer_subject="CN=DMZ CA", can_make=True)


def self_signed(facts: CertificateFacts) -> GatewayCertificateMaterial:
    return replace(SELF_SIGNED, facts=facts)


def pfx(facts: CertificateFacts) -> GatewayCertificateMaterial:
    return GatewayCertificateMaterial("pfx", facts)


def backup(facts: CertificateFacts, recorded: CertificateFacts | None = None) -> GatewayCertificateMaterial:
    return GatewayCertificateMaterial("backup", facts, recorded=recorded)


def stored(thumbprint: str, facts: CertificateFacts | None = None) -> GatewayCertificateMaterial:
    return GatewayCertificateMaterial("thumbprint", facts, thumbprint=thumbprint)


ROWS = [
    # id, declared and known, live, live key matches, action, thumbprint letter or None, warning codes
    ("self_signed, nothing anywhere", SELF_SIGNED, None, True, "generate", None, ()),
    ("self_signed, made but not delivered", self_signed(LIVE), None, True, "deliver", "A", ()),
    ("self_signed, live and known", self_signed(LIVE), LIVE, True, "keep", "A", ()),
    ("self_signed, live, pki lost", SELF_SIGNED, LIVE, True, "keep", "A", ("unrecorded-certificate",)),
    ("self_signed, live, pki knows another", self_signed(OTHER), LIVE, True, "keep", "A", ("unrecorded-certificate",)),
    ("self_signed, live, recorded", replace(SELF_SIGNED, recorded=LIVE), LIVE, True, "keep", "A", ()),
    ("self_signed, live by a CA", self_signed(ISSUED), ISSUED, True, "keep", "A", ("certificate-differs",)),
    ("self_signed, live expired, known fits", self_signed(OTHER), EXPIRED, True, "replace", "B", ("agents-cut-off",)),
    ("self_signed, live expired and known", self_signed(EXPIRED), EXPIRED, True, "replace", None, ("agents-cut-off",)),
    ("self_signed, known expired, none live", self_signed(EXPIRED), None, True, "generate", None, ()),
    ("self_signed, live key lost, known is it", self_signed(LIVE), LIVE, False, "deliver", "A", ()),
    ("self_signed, live key lost, pki lost", SELF_SIGNED, LIVE, False, "replace", None, ("agents-cut-off",)),
    (
        "self_signed, rebuilt, recorded another",
        replace(self_signed(OTHER), recorded=LIVE),
        None,
        True,
        "deliver",
        "B",
        ("agents-cut-off",),
    ),
    (
        "self_signed, rebuilt, pki lost",
        replace(SELF_SIGNED, recorded=LIVE),
        None,
        True,
        "generate",
        None,
        ("agents-cut-off",),
    ),
    ("issued_by, nothing anywhere", ISSUED_BY, None, True, "generate", None, ()),
    ("issued_by, live fits, pki lost", ISSUED_BY, ISSUED, True, "keep", "A", ("unrecorded-certificate",)),
    ("issued_by, live self-signed", replace(ISSUED_BY, facts=LIVE), LIVE, True, "keep", "A", ("certificate-differs",)),
    ("issued_by, issuer not local, none live", ISSUED_ELSEWHERE, None, True, "refuse", None, ()),
    (
        "issued_by, issuer not local, live fits",
        replace(ISSUED_ELSEWHERE, recorded=ISSUED),
        ISSUED,
        True,
        "keep",
        "A",
        (),
    ),
    ("issued_by, issuer lost, live fits", replace(LOST_ISSUER, recorded=ISSUED), ISSUED, True, "keep", "A", ()),
    (
        "issued_by, issuer lost, live expired",
        LOST_ISSUER,
        replace(ISSUED, not_after=NOW - timedelta(1)),
        True,
        "refuse",
        None,
        (),
    ),
    (
        "issued_by, issuer never made, other live expired",
        LOST_ISSUER,
        EXPIRED,
        True,
        "replace",
        None,
        ("agents-cut-off",),
    ),
    ("pfx, none live", pfx(LIVE), None, True, "deliver", "A", ()),
    ("pfx, live is it", pfx(LIVE), LIVE, True, "keep", "A", ()),
    ("pfx, live is it without key", pfx(LIVE), LIVE, False, "deliver", "A", ()),
    ("pfx, live is another", pfx(OTHER), LIVE, True, "replace", "B", ("agents-cut-off",)),
    ("pfx, expired", pfx(EXPIRED), LIVE, True, "refuse", "A", ()),
    (
        "pfx, for another name",
        pfx(certificate("B", dns_names=("x.example",), common_name=None)),
        LIVE,
        True,
        "refuse",
        "B",
        (),
    ),
    ("pfx, for clients", pfx(certificate("B", extended_key_usages=(CLIENT_AUTH,))), None, True, "refuse", "B", ()),
    ("pfx, an intermediate CA", pfx(certificate("B", is_ca=True, issuer="CN=Root")), None, True, "refuse", "B", ()),
    ("backup, none live", backup(LIVE), None, True, "deliver", "A", ()),
    ("backup, rebuilt, it served last", backup(LIVE, LIVE), None, True, "deliver", "A", ()),
    ("backup, rebuilt, another served last", backup(OTHER, LIVE), None, True, "deliver", "B", ("agents-cut-off",)),
    ("backup, live is it", backup(LIVE), LIVE, True, "keep", "A", ()),
    ("backup, live is another", backup(OTHER), LIVE, True, "replace", "B", ("agents-cut-off",)),
    ("backup, expired", backup(EXPIRED), None, True, "refuse", "A", ()),
    ("thumbprint, live is it (SHA-1)", stored("A" * 40), LIVE, True, "keep", "A", ()),
    ("thumbprint, live is it (SHA-256)", stored("A" * 64), LIVE, True, "keep", "A", ()),
    (
        "thumbprint, live is another, pki has it",
        stored("B" * 40, OTHER),
        LIVE,
        True,
        "replace",
        "B",
        ("agents-cut-off",),
    ),
    ("thumbprint, none live, pki has it", stored("B" * 40, OTHER), None, True, "deliver", "B", ()),
    ("thumbprint, live without key, pki has it", stored("A" * 40, LIVE), LIVE, False, "deliver", "A", ()),
    ("thumbprint, live without key, pki lost", stored("A" * 40), LIVE, False, "refuse", "A", ()),
    ("thumbprint, nowhere", stored("B" * 40), LIVE, True, "refuse", None, ()),
    ("thumbprint, live is it and expired", stored("A" * 40), EXPIRED, True, "refuse", "A", ()),
]


@pytest.mark.parametrize(
    ("material", "live", "key_matches", "action", "letter", "codes"),
    [pytest.param(*row[1:], id=row[0]) for row in ROWS],
)
def test_the_gateway_gets_the_certificate_of_the_row(
    *,
    material: GatewayCertificateMaterial,
    live: CertificateFacts | None,
    key_matches: bool,
    action: str,
    letter: str | None,
    codes: tuple[str, ...],
) -> None:
    choice = choose_certificate(material, live, key_matches, FQDN, NOW)
    assert choice.action == action
    assert (choice.facts.sha1[0] if choice.facts else None) == letter
    assert tuple(warning.code for warning in choice.warnings) == codes
    assert choice.will_be_made == (action in ("generate", "replace") and letter is None)
    assert choice.reasons or action == "keep"


def test_a_refusal_says_the_repair() -> None:
    choice = choose_certificate(stored("B" * 40), LIVE, True, FQDN, NOW)
    assert "B" * 40 in choice.reasons[0]
    assert "correct it, or declare a pfx" in choice.reasons[0]


def test_a_replacement_names_both_thumbprints() -> None:
    warning = choose_certificate(pfx(OTHER), LIVE, True, FQDN, NOW).warnings[0]
    assert LIVE.sha1 in warning.message
    assert OTHER.sha1 in warning.message
    assert warning.fact == "IG-06"


@pytest.mark.parametrize(("days", "warned"), [(60, False), (59, True), (1, True)])
def test_a_certificate_near_its_end_is_warned_of_sixty_days_before(days: int, warned: bool) -> None:
    live = replace(LIVE, not_after=NOW + timedelta(days=days))
    codes = [warning.code for warning in choose_certificate(self_signed(live), live, True, FQDN, NOW).warnings]
    assert codes == (["certificate-expires"] if warned else [])


@given(
    kind=st.sampled_from(["self_signed", "issued_by"]),
    known=st.sampled_from([None, LIVE, OTHER, EXPIRED]),
    issuer=st.sampled_from([None, CA]),
    can_make=st.booleans(),
    recorded=st.sampled_from([None, LIVE, OTHER]),
    live=st.sampled_from([LIVE, ISSUED, certificate("D", is_ca=True), certificate("E", extended_key_usages=())]),
)
def test_a_live_certificate_that_fits_by_name_key_and_validity_is_always_kept(
    *,
    kind: Literal["self_signed", "issued_by"],
    known: CertificateFacts | None,
    issuer: CertificateFacts | None,
    can_make: bool,
    recorded: CertificateFacts | None,
    live: CertificateFacts,
) -> None:
    material = GatewayCertificateMaterial(kind, known, issuer=issuer, can_make=can_make, recorded=recorded)
    choice = choose_certificate(material, live, True, FQDN, NOW)
    assert (choice.action, choice.facts) == ("keep", live)


@given(
    material=st.sampled_from([row[1] for row in ROWS]),
    live=st.sampled_from([None, LIVE, OTHER, EXPIRED, ISSUED]),
    key_matches=st.booleans(),
)
def test_no_live_thumbprint_changes_without_the_warning(
    material: GatewayCertificateMaterial, live: CertificateFacts | None, key_matches: bool
) -> None:
    choice = choose_certificate(material, live, key_matches, FQDN, NOW)
    changes = (
        live is not None and choice.action != "refuse" and (choice.facts is None or choice.facts.sha256 != live.sha256)
    )
    assert (choice.action == "replace") == changes
    assert not changes or "agents-cut-off" in [warning.code for warning in choice.warnings]


@pytest.mark.parametrize(
    ("names", "common_name", "covered"),
    [
        ((FQDN,), None, True),
        ((), FQDN, True),
        (("other.example",), FQDN, True),
        (("*.northwind.example",), None, True),
        ((FQDN.upper(),), None, True),
        (("*.example",), None, False),
        (("*.gw1.northwind.example",), None, False),
        (("*",), None, False),
        (("gw*.northwind.example",), None, False),
        (("gw1.northwind.example.org",), None, False),
        (("xgw1.northwind.example",), None, False),
        ((), None, False),
    ],
)
def test_a_name_is_covered_exactly_or_by_a_wildcard_of_one_label(
    names: tuple[str, ...], common_name: str | None, covered: bool
) -> None:
    facts = replace(LIVE, dns_names=names, common_name=common_name)
    assert (fits(facts, FQDN, NOW, kind="pfx", issuer=None) == ()) == covered


def test_a_wildcard_does_not_cover_two_labels() -> None:
    facts = replace(LIVE, dns_names=("*.northwind.example",), common_name=None)
    assert fits(facts, "a.b.northwind.example", NOW, kind="pfx", issuer=None)


def test_all_reasons_are_reported_together() -> None:
    facts = replace(
        EXPIRED, dns_names=("x.example",), common_name=None, extended_key_usages=(CLIENT_AUTH,), issuer="CN=Else"
    )
    assert len(fits(facts, FQDN, NOW, kind="issued_by", issuer=CA)) == 4


def test_a_certificate_of_the_future_does_not_fit() -> None:
    facts = replace(LIVE, not_before=NOW + timedelta(hours=1))
    assert fits(facts, FQDN, NOW, kind="self_signed", issuer=None) == ("it is not valid before 2026-11-22 13:00 UTC",)


def test_an_authority_that_the_gateway_trusts_already_is_lost_not_missing() -> None:
    authority = AuthorityMaterial("ns1-root", "local", None, None, common_name="DMZ CA", will_make_certificate=True)
    materials = GatewayMaterials("gw1", (authority,), SELF_SIGNED)
    assert lost_authorities(materials, (LIVE,)) == ()
    (sentence,) = lost_authorities(materials, (CA,))
    assert "restore the pki folder" in sentence
    known = replace(authority, certificate=CA, will_make_certificate=False)
    assert lost_authorities(replace(materials, authorities=(known,)), (CA,)) == ()
