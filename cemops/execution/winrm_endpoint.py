"""pywinrm's protocol layer, with a session of our own below it: one for each host (ADR 0006).

Shared by threads, pywinrm's session has made failed logons, which lock accounts out: ``WinrmShell`` lets one greenlet
in at a time. Proxies, ``.netrc`` and CA variables of the environment play no part, and no redirect is followed: the
password goes to the declared endpoint or nowhere.
"""

from __future__ import annotations

from time import monotonic
from typing import Any

import requests
from requests.auth import HTTPBasicAuth
from winrm import transport
from winrm.exceptions import WinRMError, WinRMTransportError
from winrm.protocol import Protocol
from winrm.transport import Transport

from cemops.errors import CemopsError
from cemops.execution.winrm_target import Traffic, WinrmTarget
from cemops.execution.winrm_trust import EndpointAdapter

CONNECT_SECONDS = 10
"""How long a host may take to answer before it counts as unreachable."""
OPERATION_SECONDS = 20
"""How long the host may take for one operation before it says that there is nothing yet."""
ANSWER_SECONDS = 10
"""How much later than that its answer may come before the host counts as dead."""
ENVELOPE_BYTES = 512_000
"""The largest answer that is asked for: what Windows allows as it is set up (500 KB)."""


class LogonRefusedError(WinRMError):
    """HTTP 401: the logon was refused, or its kind is not offered."""

    def __init__(self, offered: str) -> None:
        super().__init__("the logon was refused")
        self.offered = offered
        """The ``WWW-Authenticate`` header, lower case."""


class EndpointTransport(Transport):
    """HTTP to one endpoint."""

    def __init__(self, target: WinrmTarget, traffic: Traffic) -> None:
        self._target = target
        self._traffic = traffic
        self.answered = monotonic()
        """When the host answered last."""
        _check_logon(target)
        self._adapter = EndpointAdapter(target, traffic)  # first: it says best what is wrong with a file
        super().__init__(
            endpoint=target.url,
            auth_method=target.authentication,
            username=target.username,
            password=target.password.get_secret_value() if target.password else "",
            service="HTTP",
            cert_pem=str(target.client_certificate) if target.client_certificate else None,
            cert_key_pem=str(target.private_key_file) if target.private_key_file else None,
            read_timeout_sec=OPERATION_SECONDS + ANSWER_SECONDS,
            ca_trust_path=None,  # type: ignore[arg-type]  # pywinrm's way to say: none from the environment
            proxy=None,
            message_encryption="never",  # build_session sets it up, when the session is ours
        )

    def build_session(self) -> requests.Session:
        """Return the session, logged on or about to be."""
        if self.session is not None:
            return self.session
        session = super().build_session()
        session.trust_env = False
        session.proxies = {}
        session.adapters.clear()
        session.mount(self.endpoint, self._adapter)
        if self._target.authentication == "basic":  # in UTF-8: requests fails at what is not Latin-1
            session.auth = HTTPBasicAuth(str(self.username).encode(), str(self.password).encode())
        if self._target.plain_http:
            self.session = None  # until messages are encrypted there is none
            self.setup_encryption(session)
            self.session = session
        return session

    def close_session(self) -> None:
        """Close the connection; the next message would log on anew."""
        super().close_session()
        self.encryption = None

    def _send_message_request(
        self, session: requests.Session, prepared_request: requests.PreparedRequest
    ) -> requests.Response:
        response = session.send(
            prepared_request, timeout=(CONNECT_SECONDS, self.read_timeout_sec), allow_redirects=False
        )
        self.answered = monotonic()
        for answer in (*response.history, response):
            head = sum(len(name) + len(value) + 4 for name, value in answer.headers.items())
            self._traffic.bytes_received += head + len(answer.content)
        if response.status_code == requests.codes.ok:
            return response
        if response.status_code == requests.codes.unauthorized:
            raise LogonRefusedError(response.headers.get("WWW-Authenticate", "").lower())
        text = self._get_message_response_text(response) if response.content else b""
        raise WinRMTransportError("http", response.status_code, text.decode("utf-8", "replace"))


def _check_logon(target: WinrmTarget) -> None:
    if target.plain_http and target.authentication not in {"ntlm", "kerberos"}:
        raise CemopsError(f"{target.authentication} protects nothing without TLS: remove allow_http")
    if target.authentication in {"ntlm", "basic"} and target.password is None:
        raise CemopsError(f"{target.authentication} needs a password: add one to the credential")
    if target.authentication == "kerberos" and not transport.HAVE_KERBEROS:
        raise CemopsError("authentication: kerberos needs more programs: run `pip install 'cemops[kerberos]'`")


class EndpointProtocol(Protocol):
    """WSMan messages to one endpoint. ``operation_timeout_sec`` may be changed between messages."""

    def __init__(self, target: WinrmTarget, traffic: Traffic) -> None:
        # Its own transport is replaced at once; of all kinds, kerberos' asks for the least to be made.
        super().__init__(
            target.url,
            transport="kerberos",
            read_timeout_sec=OPERATION_SECONDS + ANSWER_SECONDS,
            operation_timeout_sec=OPERATION_SECONDS,
        )
        self.transport: EndpointTransport = EndpointTransport(target, traffic)

    def build_wsman_header(self, *arguments: Any, **keywords: Any) -> dict[str, Any]:  # noqa: ANN401 - pywinrm's signature
        """Return the header of a message; ask for answers as large as Windows makes them."""
        envelope: dict[str, Any] = super().build_wsman_header(*arguments, **keywords)
        envelope["env:Header"]["w:MaxEnvelopeSize"]["#text"] = str(ENVELOPE_BYTES)
        return envelope

    def wait_at_most(self, seconds: int) -> None:
        """Have the host answer the next operations within ``seconds``, if only that there is nothing yet."""
        self.operation_timeout_sec = seconds
        self.transport.read_timeout_sec = seconds + ANSWER_SECONDS
