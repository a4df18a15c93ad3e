from __future__ import annotations

from tests.acceptance.netsh_listing import certificates_by_endpoint

ENGLISH = """
SSL Certificate bindings:
-------------------------

    IP:port                      : 0.0.0.0:4726
    Certificate Hash             : 0a1b2c3d4e5f60718293a4b5c6d7e8f901234567
    Application ID               : {4dc3e181-e14b-4a21-b022-59fc669b0914}
    Certificate Store Name       : My
    Verify Client Certificate Revocation : Enabled

    Hostname:port                : PS1.corp.example:443
    Certificate Hash             : ffeeddccbbaa99887766554433221100ffeeddcc
    Application ID               : {4dc3e181-e14b-4a21-b022-59fc669b0914}
"""
GERMAN = """
    IP:Port                 : [::]:443
    Zertifikathash          : 0a1b2c3d4e5f60718293a4b5c6d7e8f901234567
    Anwendungs-ID           : {4dc3e181-e14b-4a21-b022-59fc669b0914}
"""
CENTRAL_STORE = """
    Central Certificate Store    : 443
    Certificate Hash             : (null)
"""


def test_endpoints_and_thumbprints_are_read_from_the_english_listing() -> None:
    assert certificates_by_endpoint(ENGLISH) == {
        "0.0.0.0:4726": "0A1B2C3D4E5F60718293A4B5C6D7E8F901234567",
        "ps1.corp.example:443": "FFEEDDCCBBAA99887766554433221100FFEEDDCC",
    }


def test_labels_of_another_language_change_nothing() -> None:
    assert certificates_by_endpoint(GERMAN) == {"[::]:443": "0A1B2C3D4E5F60718293A4B5C6D7E8F901234567"}


def test_an_entry_without_a_certificate_of_its_own_is_left_out() -> None:
    assert certificates_by_endpoint(CENTRAL_STORE + ENGLISH) == certificates_by_endpoint(ENGLISH)
