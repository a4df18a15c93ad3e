"""How the ssl module gets hold of the certificate and key that an agent shows to the gateway (C-04).

The ssl module reads keys from files only. The key therefore goes, encrypted with a passphrase that
lives for one call, into a file of mode 0600 in a folder of mode 0700, and is removed as soon as it is
loaded: no clear key is ever on disk.
"""

from __future__ import annotations

import os
import secrets
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from cemops.errors import PkiError
from cemops.pki.keyed_certificate import load_known_key

if TYPE_CHECKING:
    from cemops.pki.keyed_certificate import KeyedCertificate


def load_credential(context: ssl.SSLContext, credential: KeyedCertificate) -> None:
    """Make ``context`` show ``credential`` and its chain.

    Raises PkiError where OpenSSL does not take the pair (key of another certificate, too weak for its level).
    """
    passphrase = secrets.token_hex(32)
    with tempfile.TemporaryDirectory(prefix="cemops-probe-") as folder:  # mkdtemp: mode 0700
        path = Path(folder) / "agent.pem"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(credential.certificate_pem.encode("ascii") + _encrypted_key(credential, passphrase))
        try:
            context.load_cert_chain(path, password=passphrase)
        except ssl.SSLError as error:
            raise PkiError(
                f"The agent certificate {credential.facts.subject} cannot be used for TLS"
                f" ({(error.reason or 'no reason given').replace('_', ' ').lower()}):"
                " give one with its own key, RSA-2048 or better, signed with SHA-256 or better."
            ) from error


def _encrypted_key(credential: KeyedCertificate, passphrase: str) -> bytes:
    key = load_known_key(credential.key_pem)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode()))
