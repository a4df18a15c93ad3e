"""Backups of the vendor's gateways on Windows as sealed files: what comes back, what is no gateway, and older files."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from cemops.errors import PkiError
from cemops.pki.gateway_backup import GatewayBackup
from cemops.pki.inspection import certificate_facts
from cemops.pki.issuing import server_certificate, years_from
from cemops.pki.keyed_certificate import plain_key_pem
from cemops.pki.sealed_file import Seal, SealedFile
from cemops.pki.stored_backup import layout_of, open_backup
from cemops.pki.windows_gateway_backup import WindowsGatewayBackup

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ROOT = r"C:\Gateway"


@cache
def seal() -> Seal:
    return Seal.new(SecretStr("canary-seal-9b27"))


@cache
def smp7() -> WindowsGatewayBackup:
    key = ec.generate_private_key(ec.SECP256R1())
    facts = certificate_facts(server_certificate(("gw3.example",), key, years_from(NOW, 1), None))
    files = {
        r"Apache\conf\httpd.conf": b"Listen 443\n",
        r"Apache\certs\Server.crt": facts.pem.encode(),
        r"Apache\certs\server.key": plain_key_pem(key).get_secret_value().encode(),
        r"Apache\certs\client\ns1.cer": b"\x00\xff",
    }
    return WindowsGatewayBackup("northwind", "gw3", NOW, "smp-7", ROOT, files)


def smp8() -> WindowsGatewayBackup:
    return replace(smp7(), layout="smp-8", files={r"certs\server.pfx": b"pfx"}, presented=None)


def sealed(backup: WindowsGatewayBackup | GatewayBackup) -> SealedFile:
    return SealedFile.of(backup.sealed(seal()), "file")


@pytest.mark.parametrize("backup", [smp7(), smp8()], ids=lambda backup: backup.layout)
def test_a_backup_comes_back_as_it_was_and_shows_its_files_to_nobody(backup: WindowsGatewayBackup) -> None:
    found = open_backup(sealed(backup), seal())
    assert isinstance(found, WindowsGatewayBackup)
    assert (found.files, found.root, found.layout) == (backup.files, ROOT, backup.layout)
    assert found.thumbprint == backup.thumbprint
    assert (found.thumbprint is None) == ("thumbprint" not in sealed(backup).facts)
    assert "PRIVATE KEY" not in repr(found)
    assert "pfx" not in repr(found)
    assert b"PRIVATE KEY" not in backup.sealed(seal())


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        (r"Apache\conf\httpd.conf", "no httpd.conf"),
        (r"Apache\certs\Server.crt", "no server.crt"),
        (r"Apache\certs\server.key", "no server.key"),
    ],
)
def test_what_lacks_a_part_is_no_backup(lost: str, expected: str) -> None:
    files = {path: data for path, data in smp7().files.items() if path != lost}
    with pytest.raises(PkiError, match=expected):
        replace(smp7(), files=files).check()


def test_a_key_of_another_certificate_and_one_that_cannot_be_read_are_no_backup() -> None:
    other = plain_key_pem(ec.generate_private_key(ec.SECP256R1())).get_secret_value().encode()
    for key, expected in ((other, "does not belong"), (b"no key", "cannot be read")):
        with pytest.raises(PkiError, match=expected):
            replace(smp7(), files={**smp7().files, r"Apache\certs\server.key": key}).check()
    with pytest.raises(PkiError, match=r"no server\.pfx"):
        replace(smp8(), files={}).check()


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"root": 1, "presented": null, "files": []}', json.dumps({"files": {"a": "-"}}).encode()],
)
def test_sealed_content_that_is_no_gateway_is_refused(content: bytes) -> None:
    facts = {"estate": "northwind", "gateway": "gw3", "created": NOW.isoformat(), "layout": "smp-7"}
    with pytest.raises(PkiError, match="something else than a gateway"):
        open_backup(SealedFile.of(seal().close(facts, content), "file"), seal())


def test_a_layout_of_a_later_version_is_said_to_be_one() -> None:
    facts = {"estate": "northwind", "gateway": "gw3", "created": NOW.isoformat(), "layout": "smp-9"}
    with pytest.raises(PkiError, match=r"layout smp-9: restore it with the version that made it"):
        open_backup(SealedFile.of(seal().close(facts, b"{}"), "file"), seal())


def test_a_file_from_before_layouts_were_named_is_of_a_linux_gateway() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    facts = certificate_facts(server_certificate(("gw1.example",), key, years_from(NOW, 1), None))
    root = "/etc/cemops-gateway"
    paths = (f"{root}/tls/a.crt", f"{root}/tls/a.key")
    files = {"httpd.conf": "Listen 443\n"}
    backup = GatewayBackup("northwind", "gw1", NOW, root, "0a.1", files, *paths, facts.pem, plain_key_pem(key))
    assert sealed(backup).facts["layout"] == "httpd"
    old = {name: sealed(backup).facts[name] for name in ("estate", "gateway", "created", "release", "thumbprint")}
    file = SealedFile.of(seal().close(old, backup.sealed_content), "file")
    assert layout_of(file) == "httpd"
    found = open_backup(file, seal())
    assert isinstance(found, GatewayBackup)
    assert found.sealed_content == backup.sealed_content
    assert set(found.unpacked()) == {"httpd.conf", "a.crt", "a.key"}
