"""Sealed files: only the passphrase opens them, and nothing of them can be changed, cut or swapped unseen."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from cemops.errors import PkiError
from cemops.pki.gateway_backup import GatewayBackup, opened
from cemops.pki.inspection import certificate_facts
from cemops.pki.issuing import new_leaf_key, server_certificate, years_from
from cemops.pki.keyed_certificate import plain_key_pem
from cemops.pki.sealed_file import Seal, SealedFile

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PASSPHRASE = SecretStr("canary-seal-51f0")
CONTENT = b"canary-content-08aa " * 20
FACTS = {"estate": "northwind", "gateway": "gw1"}


@cache
def seal() -> Seal:
    made = Seal.new(PASSPHRASE)
    made.close(FACTS, b"")  # derives the key, once for all tests
    return made


@cache
def made() -> bytes:
    return seal().close(FACTS, CONTENT)


def read(data: bytes) -> bytes:
    sealed = SealedFile.of(data, "file")
    return seal().open(sealed) if sealed.salt == seal().salt else sealed.seal(PASSPHRASE).open(sealed)


def test_what_was_sealed_is_opened_by_its_passphrase_and_its_facts_by_everybody() -> None:
    sealed = SealedFile.of(made(), "file")
    assert sealed.seal(PASSPHRASE).open(sealed) == CONTENT
    assert (sealed.facts["estate"], sealed.facts["gateway"]) == ("northwind", "gw1")
    assert CONTENT[:18] not in made()


def test_a_guess_of_the_passphrase_costs_what_owasp_recommends() -> None:
    kdf = SealedFile.of(made(), "file").facts["kdf"]
    assert (kdf["name"], kdf["n"], kdf["r"], kdf["p"]) == ("scrypt", 131072, 8, 1)  # 128 MiB


def test_another_passphrase_is_told_so() -> None:
    sealed = SealedFile.of(made(), "file")
    with pytest.raises(PkiError, match=r"not made with this pki\.passphrase"):
        sealed.seal(SecretStr("another")).open(sealed)


def test_two_files_of_one_run_share_the_key_and_never_the_nonce() -> None:
    one, other = (SealedFile.of(seal().close(FACTS, CONTENT), "file") for _ in range(2))
    assert one.salt == other.salt
    assert one.nonce != other.nonce
    assert one.content != other.content


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_byte_counts(data: st.DataObject) -> None:
    whole = made()
    at = data.draw(st.integers(0, len(whole) - 1))
    bit = data.draw(st.integers(0, 7))
    changed = whole[:at] + bytes([whole[at] ^ (1 << bit)]) + whole[at + 1 :]
    sealed_elsewhere = b'"salt"' in changed and _salt_of(changed) != seal().salt
    if sealed_elsewhere:
        return  # another salt is another key: seen by the check value, but each costs 0.3 s
    with pytest.raises(PkiError):
        read(changed)


def _salt_of(data: bytes) -> bytes | None:
    try:
        return SealedFile.of(data, "file").salt
    except PkiError:
        return seal().salt


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_no_cut_file_is_opened(length: int) -> None:
    with pytest.raises(PkiError):
        read(made()[: length % len(made())])


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_foreign_bytes_are_one_error(junk: bytes) -> None:
    for data in (junk, b"cemops-gateway-backup 1\n" + junk, made() + junk + b"x"):
        with pytest.raises(PkiError):
            read(data)


def test_a_head_cannot_ask_for_more_memory_than_cemops_would_spend() -> None:
    greedy = made().replace(b'"n": 131072', b'"n": 1073741824')
    with pytest.raises(PkiError, match="damaged head"):
        SealedFile.of(greedy, "file")


def _backup(**changes: object) -> GatewayBackup:
    key = new_leaf_key()
    facts = certificate_facts(server_certificate(("gw1.example",), key, years_from(NOW, 1), None))
    values: dict[str, object] = {
        "estate": "northwind",
        "gateway": "gw1",
        "created": NOW,
        "root": "/etc/cemops-gateway",
        "release": "0123456789abcdef.1",
        "files": {"httpd.conf": "Listen 443\n", "client-ca.pem": "pem"},
        "certificate_path": "/etc/cemops-gateway/tls/a.crt",
        "key_path": "/etc/cemops-gateway/tls/a.key",
        "certificate": facts.pem,
        "key": plain_key_pem(key),
        **changes,
    }
    return GatewayBackup(**values)  # type: ignore[arg-type]  # a dict of the fields


def test_a_backup_comes_back_as_it_was_and_shows_its_key_to_nobody() -> None:
    backup = _backup(unit="[Unit]\n", confirmed="0123456789abcdef.1")
    found = opened(SealedFile.of(backup.sealed(seal()), "file"), seal())
    assert found.sealed_content == backup.sealed_content
    assert (found.created, found.gateway, found.unit) == (NOW, "gw1", "[Unit]\n")
    line = backup.key.get_secret_value().splitlines()[3]
    assert line not in repr(found)
    assert line.encode() not in backup.sealed(seal())


def test_a_key_of_another_certificate_is_no_backup() -> None:
    backup = _backup(key=plain_key_pem(new_leaf_key()))
    with pytest.raises(PkiError, match="does not belong"):
        opened(SealedFile.of(backup.sealed(seal()), "file"), seal())


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"key": 1}', json.dumps({"key": "x"}).encode()])
def test_sealed_content_that_is_no_gateway_is_refused(content: bytes) -> None:
    facts = {**FACTS, "created": NOW.isoformat()}
    with pytest.raises(PkiError, match="something else than a gateway"):
        opened(SealedFile.of(seal().close(facts, content), "file"), seal())


def test_random_files_of_a_backups_size_are_refused_at_once() -> None:
    with pytest.raises(PkiError, match="no backup of a gateway"):
        read(secrets.token_bytes(20_000))
