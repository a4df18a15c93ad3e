from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from cemops.model import values
from cemops.model.identity import is_posix_account

SHA1 = "5A1C0D7E22314F608819A0B3C4D5E6F708192A3B"


def read(value_type: Any, value: object) -> Any:
    return TypeAdapter(value_type).validate_python(value)


def refusal(value_type: Any, value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        read(value_type, value)
    return str(caught.value.errors()[0]["ctx"]["error"])


@pytest.mark.parametrize(
    "written",
    [
        SHA1,
        SHA1.lower(),
        ":".join(SHA1[at : at + 2] for at in range(0, 40, 2)),
        " ".join(SHA1[at : at + 2].lower() for at in range(0, 40, 2)),
        "\u200e" + SHA1,
        "\u200e" + " ".join(SHA1[at : at + 2] for at in range(0, 40, 2)) + "\u200f\ufeff\u00a0",
        f"  {SHA1}\n",
    ],
)
def test_a_thumbprint_as_people_copy_it_is_stored_as_upper_case_hex(written: str) -> None:
    assert read(values.Thumbprint, written) == SHA1


@given(st.binary(min_size=20, max_size=20) | st.binary(min_size=32, max_size=32))
def test_sha1_and_sha256_thumbprints_are_accepted(digest: bytes) -> None:
    assert read(values.Thumbprint, digest.hex(":")) == digest.hex().upper()


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (SHA1[:-1], "has 39 digits"),
        (SHA1 + "00", "has 42 digits"),
        ("", "has 0 digits"),
        (SHA1[:-1] + "G", "'G' is not a hexadecimal digit"),
        (SHA1[:-1] + "٣", "not a hexadecimal digit"),
        (1234567890, "put it in quotes"),
        ("sha1:" + SHA1, "'s' is not"),
    ],
)
def test_a_refused_thumbprint_says_what_was_found(written: object, says: str) -> None:
    assert says in refusal(values.Thumbprint, written)


@pytest.mark.parametrize(
    "written",
    [
        "env:NAME",
        "env:_x9",
        "file:secrets/pw",
        "file:~/pw",
        "file:/run/x",
        "keyring:cemops/CORP\\svc",
        "keyring:a/b c",
    ],
)
def test_a_reference_to_a_secret_is_kept_as_it_is(written: str) -> None:
    assert read(values.SecretReference, written) == written


@pytest.mark.parametrize(
    "written",
    [
        "hunter2",
        "env:",
        "env:9A",
        "env:A-B",
        "env:A\n",
        "ENV:A",
        "file:",
        "file:../pw",
        "keyring:x",
        "keyring:/x",
        "keyring:x/",
        5,
        None,
        True,
    ],
)
def test_what_is_no_reference_is_refused_without_being_shown(written: object) -> None:
    sentence = refusal(values.SecretReference, written)
    assert "keyring:SERVICE/USER" in sentence
    assert sentence == refusal(values.SecretReference, "another value")


def test_a_fingerprint_is_kept_as_ssh_keygen_prints_it() -> None:
    fingerprint = "SHA256:Jq2XgkO6u0vD3cQm0b5Yl9m1t8d3H2m4cV0s7wQyZpE"
    assert read(values.HostKeyFingerprint, fingerprint) == fingerprint
    assert read(values.HostKeyFingerprint, fingerprint + "=") == fingerprint


@pytest.mark.parametrize("written", ["SHA256:short", "MD5:aa:bb", "A" * 43, "SHA256:" + "_" * 43, "SHA256:" + "A" * 44])
def test_another_fingerprint_is_refused(written: str) -> None:
    assert "ssh-keygen" in refusal(values.HostKeyFingerprint, written)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("cemgw", "cemgw"),
        ("_apt", "_apt"),
        ("nobody", "nobody"),
        ("localservice", "LocalService"),
        ("LocalSystem", "LocalSystem"),
        ("CORP\\svc-gw", "CORP\\svc-gw"),
    ],
)
def test_a_service_account_is_accepted(written: str, stored: str) -> None:
    assert read(values.AccountName, written) == stored


@pytest.mark.parametrize("written", ["Cemgw", "a" * 33, "9gw", "gw user", "gw:x", "-gw", "", "a$"])
def test_what_can_be_no_service_account_is_refused(written: str) -> None:
    refusal(values.AccountName, written)
    assert not is_posix_account(written)


@pytest.mark.parametrize(
    "written", ["root", "CORP\\svc-cemops", ".\\cemops", "svc@corp.example", "John Smith", "müller"]
)
def test_a_user_name_is_kept(written: str) -> None:
    assert read(values.UserName, written) == written


@pytest.mark.parametrize(
    "written", ["a\\b\\c", "\\x", "CORP\\", "a@b@c", "a'b", "-root", "CORP\\-x", "a/b", "a;b", "a:b", " a"]
)
def test_what_can_be_no_user_name_is_refused(written: str) -> None:
    refusal(values.UserName, written)


@pytest.mark.parametrize("written", ["gw1", "ns1-root", "a.b", "A_b", "7"])
def test_an_object_name_is_kept(written: str) -> None:
    assert read(values.ObjectName, written) == written


@pytest.mark.parametrize("written", [".gw1", "gw1.", "-gw1", "gw 1", "gw/1", "a..b", "gw1:", "é", "a" * 64, "@all"])
def test_a_name_that_can_be_no_file_or_host_is_refused(written: str) -> None:
    refusal(values.ObjectName, written)


@pytest.mark.parametrize("written", ["Default Internet Site", 'Bob\'s 50% (new) & "old"', "本社", "Tõnismäe"])
def test_a_display_name_is_human_text(written: str) -> None:
    assert read(values.DisplayName, written) == written


@pytest.mark.parametrize("written", ["a\u202eb", "a\u200bb", "a\tb", "a\u00a0b", " a", "a" * 256, "\ue000"])
def test_a_display_name_hides_nothing(written: str) -> None:
    refusal(values.DisplayName, written)


@pytest.mark.parametrize("written", ["Symantec Agent Site", "Default Web Site", "Tõnismäe (2)"])
def test_a_site_name_is_kept(written: str) -> None:
    assert read(values.SiteName, written) == written


@pytest.mark.parametrize("character", '\\/?;:@&=+$,|"<>*')
def test_a_site_name_that_iis_refuses_is_refused(character: str) -> None:
    assert "IIS" in refusal(values.SiteName, f"a{character}b")


def test_a_common_name_has_at_most_64_characters() -> None:
    assert read(values.CommonName, "a" * 64) == "a" * 64
    assert "at most 64" in refusal(values.CommonName, "a" * 65)


@pytest.mark.parametrize("written", ["a/b", "a=b", 'a"b', "a\\b", "a\nb", "*.example"])
def test_a_common_name_that_would_split_a_subject_is_refused(written: str) -> None:
    refusal(values.CommonName, written)


@pytest.mark.parametrize("written", ["lap-*", "lap-??", "LAP-1.corp", "*"])
def test_a_computer_pattern_is_kept(written: str) -> None:
    assert read(values.ComputerPattern, written) == written


@pytest.mark.parametrize("written", ["lap-[0-9]", "lap.*|x", "^lap", "lap 1", "{lap}"])
def test_a_regular_expression_is_no_computer_pattern(written: str) -> None:
    refusal(values.ComputerPattern, written)
