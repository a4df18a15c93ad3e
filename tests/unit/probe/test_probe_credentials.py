"""The agent's key on its way into OpenSSL: encrypted, private, and gone afterwards."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import SecretStr

from cemops.errors import PkiError
from cemops.pki.keyed_certificate import KeyedCertificate
from cemops.pki.probe_agents import unknown_agent
from cemops.probe.credentials import load_credential
from cemops.probe.tls import alert_of, outer_context


@pytest.fixture(scope="module")
def credential() -> KeyedCertificate:
    return unknown_agent(datetime.now(UTC))


class Watching(ssl.SSLContext):
    """A context that looks at the file before it loads it."""

    file: Path

    def load_cert_chain(self, certfile: Path, keyfile: None = None, password: str = "") -> None:  # type: ignore[override]  # only what is called
        assert keyfile is None
        type(self).file = certfile
        text = certfile.read_text()
        assert "BEGIN ENCRYPTED PRIVATE KEY" in text
        assert "BEGIN PRIVATE KEY" not in text
        assert "BEGIN EC PRIVATE KEY" not in text
        assert stat.S_IMODE(certfile.stat().st_mode) == 0o600
        assert stat.S_IMODE(certfile.parent.stat().st_mode) == 0o700
        assert load_pem_private_key(text[text.index("-----BEGIN ENC") :].encode(), password.encode())
        super().load_cert_chain(certfile, password=password)


def test_the_key_is_never_in_clear_on_disk_and_is_removed(credential: KeyedCertificate) -> None:
    load_credential(Watching(ssl.PROTOCOL_TLS_CLIENT), credential)
    assert not Watching.file.exists()
    assert not Watching.file.parent.exists()


def test_a_key_of_another_certificate_is_an_error_that_prints_no_key(
    credential: KeyedCertificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    other = unknown_agent(datetime.now(UTC))
    mixed = KeyedCertificate(credential.facts, other.key_pem)
    with pytest.raises(PkiError) as caught:
        outer_context(mixed)
    assert "cannot be used for TLS (key values mismatch)" in str(caught.value)
    assert "PRIVATE" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_credential_prints_without_its_key(credential: KeyedCertificate) -> None:
    assert "PRIVATE KEY" not in repr(credential)
    assert isinstance(credential.key_pem, SecretStr)


@pytest.mark.parametrize(
    ("reason", "alert"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "certificate required"),
        ("SSLV3_ALERT_CERTIFICATE_REVOKED", "certificate revoked"),
        ("TLSV1_ALERT_UNKNOWN_CA", "unknown ca"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "handshake failure"),
        ("WRONG_VERSION_NUMBER", None),
        (None, None),
    ],
)
def test_alerts_are_named_as_in_the_rfc(reason: str | None, alert: str | None) -> None:
    error = ssl.SSLError(1, "x")
    error.reason = reason  # type: ignore[assignment]  # as the ssl module sets it, or leaves it
    assert alert_of(error) == alert
