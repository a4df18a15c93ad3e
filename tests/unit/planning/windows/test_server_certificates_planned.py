"""Which certificate a server gets, how it is delivered, and what waits for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cemops.model.certificates import CertificateFacts
from cemops.model.windows_observed import StoredCertificateFound
from cemops.planning.changes import KNOWN_AFTER_APPLY, Action, Resource
from cemops.planning.windows.materials import ServerCertificateMaterial
from cemops.planning.windows.plan import WindowsPlan
from cemops.planning.windows.server_certificate import choose_for_server
from cemops.planning.windows.site_server import plan_site_server
from tests.unit.planning.windows.server_situations import (
    FQDN,
    INTERMEDIATE,
    NEIGHBOUR,
    NEW,
    NOW,
    OLD,
    ROOT_CERTIFICATE,
    binding,
    cem,
    certificate,
    codes,
    entry,
    https,
    keyed,
    local,
    machine,
    operations,
    pfx,
    site,
    site_server,
    vendor,
)
from tests.unit.planning.windows.simulated_machine import SimulatedMachine, known

SHORT = certificate("F", not_after=NOW + timedelta(days=20))
EXPIRED = certificate("9", not_after=NOW - timedelta(days=1))


def rolled_out(material: ServerCertificateMaterial, *my: CertificateFacts, force: bool = True) -> WindowsPlan:
    observed = machine(site(binding(4726)), entries=(entry(4726, OLD),), my=my)
    desired = cem(force_overwrite=force, install_certificate=True, material=material)
    return plan_site_server(site_server(desired), observed, NOW)


def test_a_pfx_is_imported_where_its_thumbprint_is_missing_and_not_again() -> None:
    first = rolled_out(pfx(NEW))
    assert first.actions[0].op == "certificate.import_pfx"
    assert first.actions[0].material == "pfx:cem"
    assert first.actions[0].fields == {"store": "My", "thumbprint": NEW.sha1}
    assert "certificate.import_pfx" not in operations(rolled_out(pfx(NEW), NEW))


def test_a_certificate_without_its_key_is_imported_again() -> None:
    observed = machine(site(binding(4726)), entries=(entry(4726, OLD),))
    found = (StoredCertificateFound(NEW, has_private_key=False),)
    observed = replace(observed, stores={**observed.stores, "My": found})
    desired = cem(force_overwrite=True, install_certificate=True, material=pfx(NEW))
    assert "certificate.import_pfx" in operations(plan_site_server(site_server(desired), observed, NOW))


def test_two_purposes_with_one_pfx_import_it_once() -> None:
    desired = site_server(
        https(install_certificate=True, material=pfx(NEW, "https")), cem(install_certificate=True, material=pfx(NEW))
    )
    result = plan_site_server(desired, machine(site()), NOW)
    assert operations(result).count("certificate.import_pfx") == 1
    assert operations(result).count("sslcert.set") == 2


def test_the_chain_goes_to_its_stores_and_only_what_is_missing() -> None:
    result = rolled_out(pfx(NEW, chain=(INTERMEDIATE, ROOT_CERTIFICATE)))
    added = [action.fields for action in result.actions if action.op == "certificate.add"]
    assert [(one["store"], one["thumbprint"]) for one in added] == [("CA", INTERMEDIATE.sha1)]
    assert added[0]["der"] == "E" * 8
    bare = machine(site(), stores={"My": (), "CA": (), "Root": ()})
    desired = cem(install_certificate=True, material=pfx(NEW, chain=(INTERMEDIATE, ROOT_CERTIFICATE)))
    added = [
        one.fields for one in plan_site_server(site_server(desired), bare, NOW).actions if one.op == "certificate.add"
    ]
    assert [one["store"] for one in added] == ["CA", "Root"]


def test_the_chain_is_delivered_also_where_the_certificate_is_there() -> None:
    observed = machine(
        site(binding(4726)),
        entries=(entry(4726, NEW),),
        my=(NEW,),
        stores={
            "My": keyed(NEW),
            "CA": (),
            "Root": (),
        },
    )
    desired = cem(install_certificate=True, material=pfx(NEW, chain=(ROOT_CERTIFICATE,)))
    assert operations(plan_site_server(site_server(desired), observed, NOW)) == ["certificate.add"]


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (SHORT, "30 days"),
        (EXPIRED, "expired"),
        (certificate("F", dns_names=("other.example",), common_name=None), "not for ps1"),
        (certificate("F", extended_key_usages=("1.3.6.1.5.5.7.3.2",)), "serverAuth"),
        (certificate("F", key_type="EC P-256"), "RSA"),
    ],
)
def test_a_pfx_that_does_not_fit_is_an_error_and_nothing_is_done(facts: CertificateFacts, why: str) -> None:
    result = rolled_out(pfx(facts))
    assert result.actions == ()
    assert why in result.errors[0]
    assert "CE-02" in result.errors[0]


def test_a_stored_pfx_with_few_days_left_is_bound_with_a_warning() -> None:
    result = rolled_out(pfx(SHORT), SHORT)
    assert operations(result) == ["sslcert.set"]
    assert "certificate-expires" in codes(result)


def test_a_pfx_that_lacks_a_further_name_is_bound_with_a_warning() -> None:
    result = rolled_out(pfx(NEW, names=(FQDN, "alias.example")))
    assert result.errors == ()
    assert any("alias.example" in one.message for one in result.warnings if one.code == "names-missing")


def test_a_missing_file_or_passphrase_is_an_error_with_its_repair() -> None:
    result = rolled_out(pfx(None, problem="certs/ps1.pfx is not there: put it there"))
    assert "certs/ps1.pfx" in result.errors[0]
    assert rolled_out(pfx(None)).errors


def test_a_thumbprint_must_be_in_my_with_its_key() -> None:
    declared = ServerCertificateMaterial("cem", "thumbprint", (FQDN,), thumbprint=NEW.sha256)
    assert NEW.sha256 in rolled_out(declared, OLD).errors[0]
    assert operations(rolled_out(declared, OLD, NEW)) == ["sslcert.set"]
    by_sha1 = replace(declared, thumbprint=NEW.sha1)
    assert operations(rolled_out(by_sha1, OLD, NEW)) == ["sslcert.set"]


def test_a_local_authority_uses_what_fits_in_the_store_and_makes_none() -> None:
    result = rolled_out(local(), OLD)
    assert result.to_make == ()
    assert result.is_empty


def test_a_local_authority_without_any_certificate_makes_one_and_says_what_is_known_after_apply() -> None:
    result = rolled_out(local(), NEIGHBOUR)
    assert result.to_make == ("cem",)
    assert operations(result) == []
    made = next(one for one in result.changes if one.resource is Resource.CERTIFICATE)
    assert made.action is Action.DELIVER
    bound = next(one for one in result.changes if one.resource is Resource.HTTP_SYS_CERTIFICATE)
    assert (bound.after or {})["thumbprint"] == KNOWN_AFTER_APPLY
    assert not result.is_empty


def test_what_was_made_is_delivered_and_bound_by_the_next_plan() -> None:
    assert operations(rolled_out(local(NEW), NEIGHBOUR)) == ["certificate.import_pfx", "sslcert.set"]


def test_a_newer_certificate_of_pki_is_seen_though_the_old_one_still_fits() -> None:
    assert operations(rolled_out(local(NEW), OLD)) == ["certificate.import_pfx", "sslcert.set"]


def test_an_older_certificate_of_pki_does_not_replace_a_newer_one_that_fits() -> None:
    observed = machine(site(binding(4726)), entries=(entry(4726, NEW),), my=(NEW,))
    desired = cem(force_overwrite=True, install_certificate=True, material=local(OLD))
    assert plan_site_server(site_server(desired), observed, NOW).is_empty


def test_pkis_own_certificate_of_a_purpose_is_kept_beside_a_longer_one_of_another() -> None:
    observed = machine(site(binding(443), binding(4726)), entries=(entry(443, OLD), entry(4726, NEW)), my=(OLD, NEW))
    desired = site_server(
        https(force_overwrite=True, install_certificate=True, material=local(OLD, "https")),
        cem(force_overwrite=True, install_certificate=True, material=local(NEW)),
    )
    assert plan_site_server(desired, observed, NOW).is_empty


def test_a_self_signed_certificate_is_taken_for_a_self_signed_one_only() -> None:
    material = ServerCertificateMaterial("cem", "self_signed", (FQDN,), can_make=True)
    assert rolled_out(material, OLD).to_make == ("cem",)
    own = replace(NEW, issuer=NEW.subject)
    assert operations(rolled_out(material, OLD, own)) == ["sslcert.set"]


def test_a_vendors_certificate_in_the_store_is_used_the_longest_valid_first() -> None:
    choice = choose_for_server(vendor(), keyed(OLD, NEW, EXPIRED), OLD.sha1, NOW)
    assert choice.facts == NEW
    assert choose_for_server(vendor(), keyed(NEW, OLD), OLD.sha1, NOW).facts == NEW
    assert operations(rolled_out(vendor(), OLD, NEW)) == ["sslcert.set"]


def test_a_vendors_certificate_that_is_not_there_is_a_step_that_names_the_tool_and_what_waits() -> None:
    result = plan_site_server(
        site_server(cem(install_certificate=True, material=vendor())), machine(site(), my=(NEIGHBOUR,)), NOW
    )
    assert result.is_empty
    assert result.errors == result.cut_off == ()
    steps = {one.resource: one for one in result.changes}
    assert set(steps) == {Resource.CERTIFICATE, Resource.IIS_BINDING}
    assert f"AeXGenSiteServerCert {FQDN}" in steps[Resource.CERTIFICATE].reason
    assert "waits" in steps[Resource.IIS_BINDING].reason
    assert all(one.by_operator for one in result.changes)


def test_an_old_port_stays_open_while_a_vendors_certificate_is_waited_for() -> None:
    observed = machine(site(binding(4726)), entries=(entry(4726, NEIGHBOUR),), my=(NEIGHBOUR,))
    desired = cem(port=8443, install_certificate=True, material=vendor())
    result = plan_site_server(site_server(desired), observed, NOW)
    assert result.actions == ()
    assert result.is_empty


def test_a_certificate_of_another_issuer_or_self_signed_is_no_vendors() -> None:
    foreign = replace(NEW, issuer="CN=Elsewhere")
    assert choose_for_server(vendor(), keyed(foreign), None, NOW).source == "operator"
    unknown_issuer = vendor(issuer=None)
    assert choose_for_server(unknown_issuer, keyed(replace(NEW, issuer=NEW.subject)), None, NOW).source == "operator"
    assert choose_for_server(unknown_issuer, keyed(NEW), None, NOW).facts == NEW


def test_an_external_authority_without_a_certificate_in_the_store_is_an_error() -> None:
    assert "pfx" in rolled_out(vendor(vendor=False)).errors[0]


def test_every_name_must_be_on_a_certificate_that_is_chosen_and_not_declared_exactly() -> None:
    wanted = local(names=(FQDN, "alias.example"))
    assert choose_for_server(wanted, keyed(NEW), None, NOW).source == "make"
    both = replace(NEW, dns_names=(FQDN, "alias.example"))
    assert choose_for_server(wanted, keyed(both), None, NOW).facts == both


def test_the_choice_does_not_depend_on_the_order_of_the_store() -> None:
    twin = replace(NEW, sha1="7" * 40, sha256="7" * 64)
    one, other = (choose_for_server(vendor(), keyed(*pair), None, NOW) for pair in ((NEW, twin), (twin, NEW)))
    assert one == other


def test_a_certificate_that_one_purpose_delivers_is_there_for_the_other() -> None:
    desired = site_server(https(material=pfx(NEW, "https")), cem(install_certificate=True, material=pfx(NEW)))
    result = plan_site_server(desired, machine(site()), NOW)
    assert operations(result) == [
        "certificate.import_pfx",
        "sslcert.set",
        "iis.binding_add",
        "sslcert.set",
        "iis.binding_add",
    ]


def test_a_certificate_that_stays_and_runs_out_is_a_warning() -> None:
    observed = machine(site(binding(4726)), entries=(entry(4726, SHORT),), my=(SHORT,))
    for desired in (cem(), cem(install_certificate=True, material=pfx(NEW))):
        assert "certificate-expires" in codes(plan_site_server(site_server(desired), observed, NOW))


def test_a_certificate_that_one_purpose_delivers_is_chosen_by_the_other_where_it_fits() -> None:
    desired = site_server(
        https(install_certificate=True, material=vendor("https")), cem(install_certificate=True, material=pfx(NEW))
    )
    observed = machine(site())
    result = plan_site_server(desired, observed, NOW)
    reached = SimulatedMachine(observed, known(NEW)).apply(result.actions)
    assert {one.thumbprint for one in reached.ssl_entries} == {NEW.sha1}
    assert len(reached.ssl_entries) == 2
    assert plan_site_server(desired, reached, NOW).is_empty


def test_install_on_without_a_certificate_is_an_error() -> None:
    result = plan_site_server(site_server(cem(install_certificate=True)), machine(site()), NOW)
    assert "no certificate is declared" in result.errors[0]
