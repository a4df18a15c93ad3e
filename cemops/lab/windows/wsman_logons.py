"""Who may use the endpoint: Basic, a client certificate, and Negotiate (NTLM, by pyspnego's server side).

pyspnego reads its accounts from the file that NTLM_USER_FILE names, and from nowhere else. The file is one in
memory, it holds hashes, and the variable names it only while a token is looked at: nothing on disk, nothing in
the environment of other processes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import spnego
from spnego._ntlm_raw.crypto import ntowfv1

from cemops.lab.windows.wsman_sealing import SealingContext

_VARIABLE = "NTLM_USER_FILE"
_ENVIRONMENT = threading.Lock()
"""The environment is the process's: one token of one endpoint at a time."""
_NO_LM_HASH = "0" * 32


@dataclass(frozen=True)
class Account:
    """A local account of the machine."""

    name: str
    password: str = field(repr=False)
    client_certificate: str = ""
    """SHA-256 (hex) of the client certificate that Windows maps to this account; empty: none."""


def _text(octets: bytes) -> str:
    """Return the text of Basic's octets: clients send UTF-8 (RFC 7617) or Latin-1 (requests)."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")


class Accounts:
    """The accounts that may log on; names compare without case, with or without the machine's name before them."""

    def __init__(self, machine: str, accounts: tuple[Account, ...]) -> None:
        self._machine = machine
        self._passwords = {account.name.lower(): account.password for account in accounts}
        lines = [
            f"{domain}{account.name}:0:{_NO_LM_HASH}:{ntowfv1(account.password).hex()}:[U]:LCT-0\n"
            for account in accounts
            for domain in ("", f"{machine}\\", ".\\")
        ]
        self._certificates = {
            account.client_certificate.lower(): account.name.lower()
            for account in accounts
            if account.client_certificate
        }
        self._file = os.memfd_create("accounts")
        os.write(self._file, "".join(lines).encode())

    def close(self) -> None:
        """Forget them."""
        os.close(self._file)

    def local_name(self, name: str) -> str:
        """Return the name without the machine's before it."""
        domain, separator, user = name.rpartition("\\")
        return user.lower() if separator and domain.lower() in {"", ".", self._machine.lower()} else name.lower()

    def basic(self, credentials: str) -> str | None:
        """Return the user whose name and password ``credentials`` are (base64 of ``name:password``), else None."""
        try:
            name, _, password = _text(base64.b64decode(credentials, validate=True)).partition(":")
        except binascii.Error:
            return None
        user = self.local_name(name)
        expected = self._passwords.get(user)
        matches = hmac.compare_digest(password.encode(), (expected or "").encode())
        return user if matches and expected is not None else None

    def certificate(self, der: bytes | None) -> str | None:
        """Return the user whom the client's certificate stands for; the handshake has checked it."""
        return self._certificates.get(hashlib.sha256(der).hexdigest()) if der else None

    @contextmanager
    def shown_to_ntlm(self) -> Iterator[None]:
        """Let pyspnego see the accounts."""
        with _ENVIRONMENT:
            before = os.environ.get(_VARIABLE)
            os.environ[_VARIABLE] = f"/proc/self/fd/{self._file}"
            try:
                yield
            finally:
                if before is None:
                    del os.environ[_VARIABLE]
                else:
                    os.environ[_VARIABLE] = before


@dataclass(frozen=True)
class Step:
    """What came of one token: ``user`` once logged on, ``refused`` if it was wrong, ``token`` to send back.

    ``sealing`` then opens and closes the messages of the connection, if they are sealed.
    """

    user: str | None = None
    refused: bool = False
    token: bytes | None = None
    sealing: SealingContext | None = None


class Negotiation:
    """The logon of one connection: NTLM, bare or within SPNEGO, of two tokens."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        with accounts.shown_to_ntlm():
            self._context = spnego.server(protocol="negotiate", options=spnego.NegotiateOptions.use_negotiate)

    def step(self, credentials: str) -> Step:
        """Take the client's next token (base64)."""
        try:
            token = base64.b64decode(credentials, validate=True)
            with self._accounts.shown_to_ntlm():
                answer = self._context.step(token)
        except Exception:  # noqa: BLE001  # a garbled token fails in a dozen ways: each is a refused logon
            return Step(refused=True)
        if not self._context.complete:
            return Step(token=answer)
        user = self._accounts.local_name(self._context.client_principal or "")
        return Step(user=user, token=answer, sealing=self._context)
