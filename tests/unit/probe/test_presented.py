"""Thumbprints, and the certificate in the records of a refused TLS 1.2 handshake."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cemops.probe.presented import PresentedCertificate, certificate_in_records, plain_thumbprint

DER = b"\x30\x82" + bytes(range(200))
SHA1 = hashlib.sha1(DER, usedforsecurity=False).hexdigest()
SHA256 = hashlib.sha256(DER).hexdigest()


def record(content: bytes, kind: int = 22) -> bytes:
    return bytes([kind, 3, 3]) + len(content).to_bytes(2, "big") + content


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def certificates(*ders: bytes) -> bytes:
    entries = b"".join(len(der).to_bytes(3, "big") + der for der in ders)
    return message(11, len(entries).to_bytes(3, "big") + entries)


HELLO = message(2, b"\x03\x03" + bytes(40))


@pytest.mark.parametrize(
    "written",
    [
        SHA1,
        SHA256,
        SHA1.upper(),
        ":".join(SHA1[index : index + 2] for index in range(0, 40, 2)),
        "\u200e" + " ".join(SHA1[index : index + 2] for index in range(0, 40, 2)),
    ],
)
def test_a_thumbprint_matches_however_it_is_written(written: str) -> None:
    assert PresentedCertificate(DER).matches(written)


@pytest.mark.parametrize("written", [SHA1[:-1] + ("0" if SHA1[-1] != "0" else "1"), "0" * 40, "0" * 64])
def test_another_thumbprint_does_not_match(written: str) -> None:
    assert not PresentedCertificate(DER).matches(written)


@pytest.mark.parametrize("written", ["", "00", "g" * 40, "0" * 41, "\u0660" * 40])
def test_what_is_no_thumbprint_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"40 .SHA-1. or 64"):
        plain_thumbprint(written)


@pytest.mark.parametrize(
    "received",
    [
        record(HELLO) + record(certificates(DER, b"other")),
        record(HELLO + certificates(DER)),
        b"".join(record(part) for part in ((HELLO + certificates(DER))[:7], (HELLO + certificates(DER))[7:])),
        record(HELLO) + record(certificates(DER)) + record(b"\x02\x28", kind=21),
    ],
    ids=["own records", "one record", "split anywhere", "then an alert"],
)
def test_the_first_certificate_is_found(received: bytes) -> None:
    found = certificate_in_records(received)
    assert found is not None
    assert found.der == DER


@pytest.mark.parametrize(
    "received",
    [
        b"",
        record(HELLO),
        record(certificates(DER))[:-1],
        record(b"\x02\x28", kind=21) + record(certificates(DER)),
        record(certificates()),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
)
def test_no_certificate_is_found_where_there_is_none(received: bytes) -> None:
    assert certificate_in_records(received) is None


@given(st.binary(max_size=120) | st.binary(max_size=120).map(record))
def test_no_bytes_break_the_search(received: bytes) -> None:
    certificate_in_records(received)
