"""The hash by which OpenSSL finds a CA or a CRL in a folder: ``<hash>.0`` and ``<hash>.r0`` (IG-10).

It is made of a name's canonical form, so that two spellings of one name have one hash: strings in UTF-8, ASCII letters
in lower case, white space at the ends removed and between words made one blank; the four first bytes of the SHA-1 of
that, read as a little-endian number. Windows has no symbolic links for the purpose: the vendor's
``UpdateCrlHashes.cmd`` makes copies, and so does cemops.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from cryptography import x509

from cemops.errors import PkiError

_SEQUENCE, _SET = 0x30, 0x31
_UTF8 = 0x0C
_DECODINGS: Final = {
    _UTF8: "utf-8",
    0x13: "ascii",  # PrintableString
    0x14: "latin-1",  # T61String, as OpenSSL takes it
    0x16: "ascii",  # IA5String
    0x1A: "ascii",  # VisibleString
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}
"""Types that OpenSSL brings to one form; all others stay as they are."""
_LONG_LENGTH = 0x80


def name_hash(name: x509.Name) -> str:
    """Return the hash of a name, eight hex digits, as ``openssl x509 -hash`` and ``openssl crl -hash`` print it."""
    (body,) = (content for _, content in _elements(name.public_bytes()))
    canonical = b"".join(_relative_name(content) for _, content in _elements(body))
    digest = hashlib.sha1(canonical, usedforsecurity=False).digest()
    return f"{int.from_bytes(digest[:4], 'little'):08x}"


def subject_hash(certificate_pem: str) -> str:
    """Return the hash of a certificate's subject. Raises PkiError for what is no certificate."""
    try:
        return name_hash(x509.load_pem_x509_certificate(certificate_pem.encode()).subject)
    except ValueError:
        raise PkiError("a CA certificate cannot be named by its subject: export it again as PEM") from None


def issuer_hash(crl_pem: str) -> str:
    """Return the hash of a CRL's issuer. Raises PkiError for what is no CRL."""
    try:
        return name_hash(x509.load_pem_x509_crl(crl_pem.encode()).issuer)
    except ValueError:
        raise PkiError("a CRL cannot be named by its issuer: export it again as PEM") from None


def _relative_name(content: bytes) -> bytes:
    attributes = sorted(_encoded(_SEQUENCE, _attribute(attribute)) for _, attribute in _elements(content))
    return _encoded(_SET, b"".join(attributes))


def _attribute(content: bytes) -> bytes:
    (oid_tag, oid), (tag, value) = _elements(content)
    encoding = _DECODINGS.get(tag)
    if encoding is not None:
        tag, value = _UTF8, _canonical(value.decode(encoding, "surrogatepass").encode("utf-8", "surrogatepass"))
    return _encoded(oid_tag, oid) + _encoded(tag, value)


def _canonical(text: bytes) -> bytes:
    # bytes.lower and bytes.split know ASCII only, as OpenSSL does.
    return b" ".join(text.lower().split())


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each DER element; the data comes from a parser that checked it."""
    position = 0
    while position < len(data):
        tag, length, position = data[position], data[position + 1], position + 2
        if length & _LONG_LENGTH:
            octets = length - _LONG_LENGTH
            length, position = int.from_bytes(data[position : position + octets], "big"), position + octets
        yield tag, data[position : position + length]
        position += length


def _encoded(tag: int, content: bytes) -> bytes:
    if len(content) < _LONG_LENGTH:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG_LENGTH + len(length))) + length + content
