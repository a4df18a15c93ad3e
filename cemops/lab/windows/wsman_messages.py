"""Requests and responses of WS-Management: XML in, plain data out, and the other way round."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from cemops.lab.windows import wsman_faults
from cemops.lab.windows.wsman_names import (
    ADDRESSING,
    CONFIGURATION,
    IDENTITY,
    MAX_ENVELOPE_SIZE,
    MICROSOFT_WSMAN,
    SHELL,
    SOAP,
    TRANSFER,
    WSMAN,
)

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_DURATION = re.compile(r"PT(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,7})(?:\.\d{1,6})?S)?")
_DEFAULT_TIMEOUT = 60.0
_MAX_TIMEOUT = 60.0
_MIN_ENVELOPE = 8192
"""WinRM takes no smaller MaxEnvelopeSize."""


@dataclass(frozen=True)
class Request:
    """One request: header fields, and the element in its body (None: an empty body)."""

    action: str
    resource: str
    message_id: str
    shell_id: str
    timeout_seconds: float
    max_envelope: int
    options: dict[str, str]
    content: Element | None

    def text(self, path: str) -> str:
        """Return the text of an element below the body's, in the shell's namespace; empty without it."""
        found = None if self.content is None else self.content.find(f"{{{SHELL}}}{path}")
        return "" if found is None else (found.text or "")

    def require(self, name: str) -> Element:
        """Return the body's element, which must be ``name`` in the shell's namespace."""
        if self.content is None or self.content.tag != f"{{{SHELL}}}{name}":
            raise wsman_faults.bad_message(f"the body must hold {name}")
        return self.content


@dataclass(frozen=True, repr=False)
class SentInput:
    """What a Send carries: octets for a command's stdin, and whether they are the last."""

    command_id: str
    data: bytes
    last: bool


def seconds_of(duration: str, default: float) -> float:
    """Return the seconds of an xs:duration of hours, minutes and seconds, at most a week of them."""
    found = _DURATION.fullmatch(duration.strip())
    if found is None or not any(found.groups()):
        return default
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(min(hours * 3600 + minutes * 60 + seconds, 7 * 86400))


def parse_envelope(text: bytes) -> Element:
    """Return the envelope. Raises WsmanFaultError for what is too large, no XML, or no envelope."""
    if len(text) > MAX_ENVELOPE_SIZE:
        raise wsman_faults.envelope_too_large()
    try:
        envelope: Element = fromstring(text, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise wsman_faults.bad_message("it is not well-formed XML") from error
    if envelope.tag != f"{{{SOAP}}}Envelope":
        raise wsman_faults.bad_message("it is not a SOAP envelope")
    return envelope


def is_identify(envelope: Element) -> bool:
    """Tell whether the body asks who the endpoint is: the one message without addressing."""
    return envelope.find(f"{{{SOAP}}}Body/{{{IDENTITY}}}Identify") is not None


def parse_request(envelope: Element) -> Request:
    """Return the request in an envelope. Raises WsmanFaultError if a field is missing."""
    header = envelope.find(f"{{{SOAP}}}Header")
    body = envelope.find(f"{{{SOAP}}}Body")
    if header is None or body is None:
        raise wsman_faults.bad_message("header or body is missing")

    def field(namespace: str, name: str) -> str:
        return (header.findtext(f"{{{namespace}}}{name}") or "").strip() if header is not None else ""

    message_id, action = field(ADDRESSING, "MessageID"), field(ADDRESSING, "Action")
    if not message_id or not action:
        raise wsman_faults.bad_message("MessageID or Action is missing")
    selectors = {
        element.get("Name", ""): (element.text or "").strip()
        for element in header.iterfind(f"{{{WSMAN}}}SelectorSet/{{{WSMAN}}}Selector")
    }
    options = {
        element.get("Name", "").upper(): (element.text or "").strip()
        for element in header.iterfind(f"{{{WSMAN}}}OptionSet/{{{WSMAN}}}Option")
    }
    size = field(WSMAN, "MaxEnvelopeSize")
    return Request(
        action=action,
        resource=field(WSMAN, "ResourceURI"),
        message_id=message_id,
        shell_id=selectors.get("ShellId", ""),
        timeout_seconds=min(seconds_of(field(WSMAN, "OperationTimeout"), _DEFAULT_TIMEOUT), _MAX_TIMEOUT),
        max_envelope=max(_MIN_ENVELOPE, min(int(size), MAX_ENVELOPE_SIZE)) if size.isdecimal() else MAX_ENVELOPE_SIZE,
        options=options,
        content=next(iter(body), None),
    )


def parse_send(request: Request) -> SentInput:
    """Return what a Send carries. Raises WsmanFaultError for another stream, or what is not base64."""
    stream = request.require("Send").find(f"{{{SHELL}}}Stream")
    if stream is None or stream.get("Name") != "stdin":
        raise wsman_faults.bad_message("only the stream stdin takes input")
    try:
        data = base64.b64decode("".join((stream.text or "").split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise wsman_faults.bad_message("the stream is not base64") from error
    return SentInput(stream.get("CommandId", ""), data, stream.get("End", "").lower() in {"true", "1"})


def envelope(action: str, body: str, relates_to: str = "") -> bytes:
    """Return a response's envelope around the XML text of its body."""
    relates = f"<a:RelatesTo>{escape(relates_to)}</a:RelatesTo>" if relates_to else ""
    return (
        f'<s:Envelope xml:lang="en-US" xmlns:s="{SOAP}" xmlns:a="{ADDRESSING}" xmlns:x="{TRANSFER}" '
        f'xmlns:w="{WSMAN}" xmlns:p="{MICROSOFT_WSMAN}" xmlns:rsp="{SHELL}"><s:Header>'
        f"<a:Action>{escape(action)}</a:Action><a:MessageID>uuid:{str(uuid.uuid4()).upper()}</a:MessageID>"
        f"<a:To>{ADDRESSING}/role/anonymous</a:To>{relates}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def identify_response() -> bytes:
    """Return the answer to Identify; the vendor says that this is a stand-in."""
    return (
        f'<s:Envelope xmlns:s="{SOAP}"><s:Header/><s:Body><wsmid:IdentifyResponse xmlns:wsmid="{IDENTITY}">'
        f"<wsmid:ProtocolVersion>{WSMAN}</wsmid:ProtocolVersion>"
        "<wsmid:ProductVendor>cemops lab: a stand-in, no Windows</wsmid:ProductVendor>"
        "<wsmid:ProductVersion>OS: 10.0.17763 SP: 0.0 Stack: 3.0</wsmid:ProductVersion>"
        "</wsmid:IdentifyResponse></s:Body></s:Envelope>"
    ).encode()


def configuration_body() -> str:
    """Return what Get tells of the configuration: the size that clients cut their input to."""
    return (
        f'<cfg:Config xmlns:cfg="{CONFIGURATION}">'
        f"<cfg:MaxEnvelopeSizekb>{MAX_ENVELOPE_SIZE // 1024}</cfg:MaxEnvelopeSizekb></cfg:Config>"
    )


def stream_element(name: str, command_id: str, data: bytes, *, last: bool) -> str:
    """Return one ``rsp:Stream`` of a Receive's response."""
    end = ' End="true"' if last else ""
    content = base64.b64encode(data).decode("ascii")
    return f'<rsp:Stream Name="{name}" CommandId="{command_id}"{end}>{content}</rsp:Stream>'
