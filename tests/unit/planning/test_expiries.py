"""What runs out on a host: a gateway's certificates and CRLs, the certificates that http.sys names."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cemops.planning.expiries import Expiry, binding_expiries, gateway_expiries, soonest
from cemops.planning.revocation import LiveTrust
from tests.unit.planning.gateway_situations import NOW, authority_certificate, certificate, crl
from tests.unit.planning.windows import server_situations as windows


def test_a_gateway_has_its_certificate_its_authorities_and_their_lists() -> None:
    own = certificate("A", not_after=NOW + timedelta(days=3))
    found = tuple(gateway_expiries("gw1", LiveTrust((authority_certificate("C"),), (crl("C"),), own)))
    assert [(one.use, one.name) for one in found] == [
        ("gateway", own.common_name),
        ("client_ca", "Root C"),
        ("crl", "CN=Root C"),
    ]
    assert [one.days(NOW) for one in found if one.use != "client_ca"] == [3.0, 60.0]
    assert found[0].sha1 == own.sha1


def test_what_is_not_there_does_not_run_out() -> None:
    assert tuple(gateway_expiries("gw1", LiveTrust())) == ()
    assert tuple(gateway_expiries("gw1", LiveTrust(crls=(crl("C", next_update=None),)))) == ()


def test_what_has_run_out_has_less_than_no_days() -> None:
    own = certificate("A", not_after=NOW - timedelta(hours=12))
    (one,) = gateway_expiries("gw1", LiveTrust(certificate=own))
    assert one.days(NOW) == -0.5


def test_a_certificate_without_a_common_name_is_named_by_its_subject() -> None:
    own = certificate("A", common_name=None, subject="O=Northwind")
    assert [one.name for one in gateway_expiries("gw1", LiveTrust(certificate=own))] == ["O=Northwind"]


@pytest.mark.parametrize("store", ["MY", "My", "my"])
def test_each_endpoint_of_http_sys_has_the_certificate_of_its_store(store: str) -> None:
    entries = (windows.entry(443, store=store), windows.entry(4726, windows.NEW, store=store))
    found = tuple(binding_expiries("ps1", windows.machine(entries=entries, my=(windows.OLD, windows.NEW))))
    assert [(one.use, one.endpoint, one.sha1) for one in found] == [
        ("http_sys", "0.0.0.0:443", windows.OLD.sha1),
        ("http_sys", "0.0.0.0:4726", windows.NEW.sha1),
    ]


def test_a_thumbprint_without_a_certificate_and_a_certificate_in_another_store_are_left_out() -> None:
    entries = (windows.entry(443, "F" * 40), windows.entry(444, windows.ROOT_CERTIFICATE))
    assert tuple(binding_expiries("ps1", windows.machine(entries=entries, my=(windows.OLD,)))) == ()


def test_of_two_that_cannot_be_told_apart_the_first_to_run_out_counts() -> None:
    late = Expiry("gw1", "crl", "CN=Root", NOW + timedelta(days=9))
    early = replace(late, at=NOW + timedelta(days=2))
    other = replace(late, host="gw2")
    assert soonest((late, early, other)) == (early, other)
