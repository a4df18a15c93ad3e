"""A file that only ``pki.passphrase`` opens: what cemops writes down of a gateway's key (docs/backup.md, ADR 0012).

::

    cemops-gateway-backup 1
    {"estate": …, "gateway": …, "created": …, …, "kdf": {…}, "bytes": …}      one line, readable without the passphrase
    the content, AES-256-GCM

Both lines are authenticated with the content: nothing of the file can be changed unseen. The key comes of the
passphrase by scrypt (RFC 7914). What is read may be anything: each failure is a PkiError, one sentence.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import SecretStr

from cemops.errors import PkiError

_NAME = b"cemops-gateway-backup"
_VERSION = b"1"
_SCRYPT: Mapping[str, int] = {"n": 2**17, "r": 8, "p": 1}
"""OWASP's recommendation: 128 MiB and 0.3 s for each guess of a passphrase. Part of version 1."""
_SALT_BYTES, _NONCE_BYTES, _TAG_BYTES, _KEY_BYTES = 16, 12, 16, 32
_MOST_HEADER_BYTES = 16 * 1024


@dataclass(frozen=True)
class Seal:
    """A passphrase, and the key that it gives with one salt: derived once, for all files of a run."""

    passphrase: SecretStr
    salt: bytes

    @classmethod
    def new(cls, passphrase: SecretStr) -> Seal:
        """Return a seal with a salt of its own."""
        return cls(passphrase, secrets.token_bytes(_SALT_BYTES))

    def close(self, facts: Mapping[str, str], content: bytes) -> bytes:
        """Return the file: ``facts`` readable by everybody, ``content`` by those who have the passphrase."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        header = {
            **facts,
            "cipher": "AES-256-GCM",
            "nonce": _text(nonce),
            "kdf": {"name": "scrypt", **_SCRYPT, "salt": _text(self.salt), "check": self._keys[1]},
            "bytes": len(content) + _TAG_BYTES,
        }
        head = b"%s %s\n%s\n" % (_NAME, _VERSION, json.dumps(header).encode())
        return head + AESGCM(self._keys[0]).encrypt(nonce, content, head)

    def open(self, sealed: SealedFile) -> bytes:
        """Return the content. Raises PkiError where the passphrase is another, or the file was changed."""
        if self._keys[1] != sealed.check:
            raise PkiError(
                f"{sealed.source} was not made with this pki.passphrase (or its head was edited): give the "
                "passphrase of that time"
            )
        try:
            return AESGCM(self._keys[0]).decrypt(sealed.nonce, sealed.content, sealed.head)
        except InvalidTag:
            raise PkiError(f"{sealed.source} was changed since it was made: take another backup") from None

    @cached_property
    def _keys(self) -> tuple[bytes, str]:
        """The key, and what tells whether a passphrase is the right one."""
        kdf = Scrypt(salt=self.salt, length=2 * _KEY_BYTES, **_SCRYPT)
        made = kdf.derive(self.passphrase.get_secret_value().encode("utf-8"))
        return made[:_KEY_BYTES], hashlib.sha256(made[_KEY_BYTES:]).hexdigest()[:16]


@dataclass(frozen=True)
class SealedFile:
    """A file as it was read: what it says to everybody, and what only its passphrase opens."""

    source: str
    facts: Mapping[str, Any]
    head: bytes
    salt: bytes
    check: str
    nonce: bytes
    content: bytes

    @classmethod
    def of(cls, data: bytes, source: str) -> SealedFile:
        """Read the head of a file. Raises PkiError where it is no backup, of another version, or cut off."""
        name, _, version = data[: len(_NAME) + 8].partition(b"\n")[0].partition(b" ")
        if name != _NAME:
            raise PkiError(f"{source} is no backup of a gateway: name a file of `cemops gateway backup`")
        if version != _VERSION:
            raise PkiError(
                f"{source} has another format than this cemops reads: restore it with the version that made it"
            )
        start = len(_NAME) + len(_VERSION) + 2
        end = data.find(b"\n", start, start + _MOST_HEADER_BYTES) + 1
        try:
            header = json.loads(data[start:end])
            kdf = header["kdf"]
            salt, nonce = base64.b64decode(kdf["salt"], validate=True), base64.b64decode(header["nonce"], validate=True)
            known = {key: kdf[key] for key in _SCRYPT} == dict(_SCRYPT) and len(nonce) == _NONCE_BYTES
            found = cls(source, header, data[:end], salt, str(kdf["check"]), nonce, data[end:])
            size = int(header["bytes"])
        except (ValueError, KeyError, TypeError):
            raise _damaged(source) from None
        if not known:
            raise _damaged(source)
        if len(found.content) != size:
            raise PkiError(f"{source} has {len(found.content)} of {size} bytes of its content: take another backup")
        return found

    def seal(self, passphrase: SecretStr) -> Seal:
        """Return what opens this file, if the passphrase is its own."""
        return Seal(passphrase, self.salt)


def _damaged(source: str) -> PkiError:
    return PkiError(f"{source} has a damaged head: take another backup")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
