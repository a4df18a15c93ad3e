"""The certificate that a server presents, compared by thumbprint before anything is sent (C-01).

curl silently ignored a wrong pin (ENGINEERING 4), so nothing but this comparison decides. In TLS 1.2 a
refused handshake never completes, and the ssl module then shows no certificate; there it is read from
the records, which are not encrypted up to that point (RFC 5246, 7.4.2).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

_HANDSHAKE_RECORD = 22
_CERTIFICATE_MESSAGE = 11
_RECORD_HEADER = 5
_MESSAGE_HEADER = 4
_SHA1_HEX_LENGTH = 40
_SHA256_HEX_LENGTH = 64


@dataclass(frozen=True)
class PresentedCertificate:
    """A certificate as presented (DER)."""

    der: bytes

    @property
    def sha1(self) -> str:
        """SHA-1 thumbprint, upper-case hex without separators (CE-04)."""
        return hashlib.sha1(self.der, usedforsecurity=False).hexdigest().upper()

    @property
    def sha256(self) -> str:
        """SHA-256 thumbprint, upper-case hex without separators."""
        return hashlib.sha256(self.der).hexdigest().upper()

    def matches(self, thumbprint: str) -> bool:
        """Whether ``thumbprint`` (SHA-1 or SHA-256; separators and case do not matter) is this one's."""
        plain = plain_thumbprint(thumbprint)
        return plain == self.thumbprint_like(plain)

    def thumbprint_like(self, thumbprint: str) -> str:
        """Return this certificate's thumbprint, by the same algorithm as ``thumbprint``."""
        return self.sha1 if len(plain_thumbprint(thumbprint)) == _SHA1_HEX_LENGTH else self.sha256


def plain_thumbprint(thumbprint: str) -> str:
    """Upper-case hex without separators; ValueError where it is neither SHA-1 nor SHA-256."""
    plain = "".join(character for character in thumbprint if character.isalnum()).upper()
    if len(plain) not in {_SHA1_HEX_LENGTH, _SHA256_HEX_LENGTH} or set(plain) - set("0123456789ABCDEF"):
        raise ValueError("a thumbprint is 40 (SHA-1) or 64 (SHA-256) hex digits")
    return plain


def certificate_in_records(received: bytes) -> PresentedCertificate | None:
    """Return the first certificate of a server's TLS 1.2 handshake, None where there is none (yet)."""
    messages = _handshake_bytes(received)
    while len(messages) >= _MESSAGE_HEADER:
        kind, length = messages[0], int.from_bytes(messages[1:_MESSAGE_HEADER], "big")
        body = messages[_MESSAGE_HEADER : _MESSAGE_HEADER + length]
        if len(body) < length:
            return None
        if kind == _CERTIFICATE_MESSAGE:
            return _first_certificate(body)
        messages = messages[_MESSAGE_HEADER + length :]
    return None


def _handshake_bytes(received: bytes) -> bytes:
    """Join the contents of the handshake records at the start (a message may span records)."""
    contents = bytearray()
    while len(received) >= _RECORD_HEADER and received[0] == _HANDSHAKE_RECORD:
        length = int.from_bytes(received[3:_RECORD_HEADER], "big")
        contents += received[_RECORD_HEADER : _RECORD_HEADER + length]
        received = received[_RECORD_HEADER + length :]
    return bytes(contents)


def _first_certificate(body: bytes) -> PresentedCertificate | None:
    """Three bytes of list length, then for each certificate three bytes of length and its DER."""
    length = int.from_bytes(body[3:6], "big")
    der = body[6 : 6 + length]
    return PresentedCertificate(der) if der and len(der) == length else None
