"""Client CAs and CRLs before they go live (CE-08; DESIGN.md, "Revocation")."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cemops.planning.materials import AuthorityMaterial
from cemops.planning.revocation import LiveTrust, judge_trust
from tests.unit.planning.gateway_situations import NOW, authority_certificate, crl, material

LIVE = LiveTrust((authority_certificate("C"),), (crl("C"),))


def errors(*materials: AuthorityMaterial, live: LiveTrust = LIVE) -> str:
    return " | ".join(judge_trust(materials, live, NOW).errors)


def codes(*materials: AuthorityMaterial) -> set[str]:
    return {warning.code for warning in judge_trust(materials, LIVE, NOW).warnings}


def test_good_authority_passes_without_a_word() -> None:
    judgement = judge_trust((material(),), LIVE, NOW)
    assert judgement.errors == ()
    assert judgement.warnings == ()


def test_empty_bundle_is_refused() -> None:
    assert "no agent could connect" in errors()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"next_update": NOW}, "expired"),
        ({"next_update": NOW - timedelta(days=1)}, "expired"),
        ({"signed_by": None}, "not signed by it"),
        ({"signed_by": "D" * 64}, "not signed by it"),
        ({"number": 3}, "older than the live one"),
        ({"number": None, "this_update": NOW - timedelta(days=9)}, "older than the live one"),
    ],
)
def test_unfit_crl_is_refused(changes: dict[str, Any], said: str) -> None:
    assert said in errors(material(crl=crl("C", **changes)))


def test_crl_that_vanishes_is_refused_only_where_the_live_release_has_one() -> None:
    assert "revoked agents would be let in again" in errors(material(crl=None))
    assert errors(material(crl=None), live=LiveTrust((authority_certificate("C"),), ())) == ""


def test_crl_made_afresh_over_a_live_one_is_refused() -> None:
    assert "would forget" in errors(material(crl=None, will_make_crl=True))


def test_due_local_crl_is_no_error_even_if_it_has_expired() -> None:
    assert errors(material(crl=crl("C", next_update=NOW - timedelta(days=1)), will_make_crl=True)) == ""


@pytest.mark.parametrize(("days", "warned"), [(13, True), (15, False)])
def test_crl_that_expires_within_14_days_is_a_warning(days: int, warned: bool) -> None:
    found = codes(material(crl=crl("C", next_update=NOW + timedelta(days=days))))
    assert ("crl-expires" in found) is warned


def test_expired_authority_is_refused() -> None:
    assert "expired" in errors(material(certificate=authority_certificate("C", not_after=NOW)))


def test_missing_certificate_file_is_refused() -> None:
    assert "has no certificate" in errors(material(certificate=None))


def test_lost_local_authority_is_not_made_a_second_time() -> None:
    lost = material(source="local", certificate=None, crl=None, will_make_certificate=True, will_make_crl=True)
    assert "restore the pki folder" in errors(lost)
    assert errors(lost, live=LiveTrust()) == ""


def test_removed_authority_is_a_warning() -> None:
    assert codes(material("D")) == {"agents-cut-off"}
