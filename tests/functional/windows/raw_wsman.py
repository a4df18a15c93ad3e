"""A third client of a WinRM endpoint: one that says exactly what a test wants said, right or wrong."""

from __future__ import annotations

import base64
import http.client
import re
import ssl
from types import TracebackType
from typing import Self

import spnego

from cemops.lab.windows.wsman_names import ADDRESSING, CMD_SHELL, SHELL, SOAP, TRANSFER, WSMAN
from tests.functional.windows.endpoint_bench import ADDRESS, PASSWORD, USER, Endpoint

ACTIONS = {"Create": TRANSFER, "Delete": TRANSFER, "Get": TRANSFER}


def message(
    action: str,
    body: str,
    *,
    shell: str = "",
    resource: str = CMD_SHELL,
    timeout: str = "PT5S",
    skip_cmd: bool = True,
) -> bytes:
    """One request's envelope; ``action`` is the last word of it, or a whole URI."""
    uri = action if "/" in action else f"{ACTIONS.get(action, SHELL)}/{action}"
    selector = f'<w:SelectorSet><w:Selector Name="ShellId">{shell}</w:Selector></w:SelectorSet>' if shell else ""
    return (
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{ADDRESSING}" xmlns:w="{WSMAN}" xmlns:rsp="{SHELL}"><s:Header>'
        f"<a:Action>{uri}</a:Action><a:MessageID>uuid:1</a:MessageID><w:ResourceURI>{resource}</w:ResourceURI>"
        f'<w:OptionSet><w:Option Name="WINRS_SKIP_CMD_SHELL">{skip_cmd}</w:Option></w:OptionSet>'
        f"<w:OperationTimeout>{timeout}</w:OperationTimeout>{selector}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


class RawClient:
    """One connection, logged on by Basic."""

    def __init__(self, endpoint: Endpoint, user: str = USER) -> None:
        context = ssl.create_default_context(cafile=str(endpoint.certificate))
        self.connection = http.client.HTTPSConnection(ADDRESS, endpoint.server.port, timeout=20, context=context)
        self.logon = "Basic " + base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

    def post(self, body: bytes) -> tuple[int, str]:
        """Send one request; return status and text of the answer."""
        self.connection.request("POST", "/wsman", body, {"Authorization": self.logon} if self.logon else {})
        response = self.connection.getresponse()
        return response.status, response.read().decode()

    def log_on_by_ntlm(self) -> None:
        """Log the connection on; requests then bring no logon of their own."""
        context = spnego.client(USER, PASSWORD, protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
        token = context.step()
        while token:
            self.connection.request("POST", "/wsman", b"", {"Authorization": f"Negotiate {b64(token)}"})
            response = self.connection.getresponse()
            response.read()
            answer = (response.getheader("WWW-Authenticate") or "").partition(" ")[2]
            token = context.step(base64.b64decode(answer)) if answer else None
        assert response.status == 200
        self.logon = ""

    def ask(self, action: str, body: str = "", **fields: str) -> str:
        """Return the answer to a message that is answered with no fault."""
        status, text = self.post(message(action, body, **fields))  # type: ignore[arg-type]  # texts all
        assert status == 200, text
        return text

    def fault(self, action: str, body: str = "", **fields: str) -> int:
        """Return the code of the fault that a message is answered with."""
        return code_of(*self.post(message(action, body, **fields)))  # type: ignore[arg-type]  # texts all

    def open(self, idle: str = "PT60S") -> str:
        """Open a shell and return its id."""
        text = self.ask("Create", f"<rsp:Shell><rsp:IdleTimeOut>{idle}</rsp:IdleTimeOut></rsp:Shell>")
        return found(r'Name="ShellId">([^<]+)<', text)

    def command(self, shell: str, line: str = "echo") -> str:
        """Start a command and return its id."""
        body = f"<rsp:CommandLine><rsp:Command>{line}</rsp:Command></rsp:CommandLine>"
        return found(r"CommandId>([^<]+)<", self.ask("Command", body, shell=shell))


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, text
    return match[1]


def code_of(status: int, text: str) -> int:
    assert status == 500, text
    return int(found(r'WSManFault [^>]*Code="(\d+)"', text))


def send_body(command: str, data: bytes, *, last: bool, stream: str = "stdin") -> str:
    content = base64.b64encode(data).decode()
    return (
        f'<rsp:Send><rsp:Stream Name="{stream}" CommandId="{command}" End="{str(last).lower()}">{content}'
        "</rsp:Stream></rsp:Send>"
    )


def receive_body(command: str) -> str:
    return f'<rsp:Receive><rsp:DesiredStream CommandId="{command}">stdout stderr</rsp:DesiredStream></rsp:Receive>'


def signal_body(command: str, code: str) -> str:
    return f'<rsp:Signal CommandId="{command}"><rsp:Code>{SHELL}/signal/{code}</rsp:Code></rsp:Signal>'
