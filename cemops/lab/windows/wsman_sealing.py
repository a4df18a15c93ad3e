"""Messages sealed by the logon's session key: what makes WinRM without TLS bearable ([MS-WSMV] 2.2.9.1)."""

from __future__ import annotations

import re
import struct
from typing import Protocol

from cemops.lab.windows import wsman_faults

_PROTOCOL = "application/HTTP-SPNEGO-session-encrypted"
_BOUNDARY = "Encrypted Boundary"
SEALED_TYPE = f'multipart/encrypted;protocol="{_PROTOCOL}";boundary="{_BOUNDARY}"'
_SEALED = re.compile(
    rb"--Encrypted Boundary\r\n\s*Content-Type: [\w/-]+\r\n\s*OriginalContent: [^\r\n]*Length=(\d{1,9})\r\n"
    rb"--Encrypted Boundary\r\n\s*Content-Type: application/octet-stream\r\n(.*)--Encrypted Boundary--\r\n",
    re.DOTALL,
)


class _Wrapped(Protocol):
    @property
    def header(self) -> bytes: ...
    @property
    def data(self) -> bytes: ...
    @property
    def padding_length(self) -> int: ...


class SealingContext(Protocol):
    """A finished logon, as pyspnego has it."""

    def wrap_winrm(self, data: bytes) -> _Wrapped: ...  # noqa: D102  # pyspnego's
    def unwrap_winrm(self, header: bytes, data: bytes) -> bytes: ...  # noqa: D102  # pyspnego's


def is_sealed(content_type: str) -> bool:
    """Tell whether a message of this Content-Type is sealed."""
    return content_type.lower().startswith("multipart/encrypted")


def unseal(body: bytes, context: SealingContext) -> bytes:
    """Return the message. Raises WsmanFaultError where it was not sealed by this logon."""
    found = _SEALED.fullmatch(body)
    if found is None:
        raise wsman_faults.bad_message("it is not sealed as it says")
    length, payload = int(found[1]), found[2]
    header_length = struct.unpack("<I", payload[:4])[0] if len(payload) > 4 else 0  # noqa: PLR2004  # octets of a number
    try:
        message = context.unwrap_winrm(payload[4 : 4 + header_length], payload[4 + header_length :])
    except Exception as error:  # what pyspnego raises is not one family
        raise wsman_faults.bad_message("its seal is broken") from error
    if len(message) != length:
        raise wsman_faults.bad_message("its length is not the one it says")
    return message


def seal(message: bytes, context: SealingContext) -> bytes:
    """Return a body of SEALED_TYPE."""
    wrapped = context.wrap_winrm(message)
    head = (
        f"--{_BOUNDARY}\r\n\tContent-Type: {_PROTOCOL}\r\n"
        f"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length={len(message) + wrapped.padding_length}\r\n"
        f"--{_BOUNDARY}\r\n\tContent-Type: application/octet-stream\r\n"
    ).encode("ascii")
    tail = f"--{_BOUNDARY}--\r\n".encode("ascii")
    return head + struct.pack("<I", len(wrapped.header)) + wrapped.header + wrapped.data + tail
