"""The TLS listeners of a stand-in: what http.sys would serve, opened for real and changed while they serve.

A machine of the lab has one loopback address, which stands for ``0.0.0.0`` as well. A handshake gets the
certificate of its host name (SNI) where there is one, else the endpoint's own, else it is refused. Keys come as
octets and reach OpenSSL through a file in memory.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from cemops.lab.tls_server import MAX_REQUEST, Identity, answer_requests

ANY_ADDRESS = "0.0.0.0"  # noqa: S104  # the text in a table; the stand-in's loopback address is listened on
_HANDSHAKE_SECONDS = 15.0
_RECONCILE_SECONDS = 20.0
_PAUSE_SECONDS = 0.1
_BACKLOG = 1024
_Result = TypeVar("_Result")


class ServedCertificate(NamedTuple):
    """A certificate with its chain and its key (PEM both), for one host name or (None) for every other."""

    host: str | None
    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return f"ServedCertificate(host={self.host!r})"


TlsTable = Mapping[str, Sequence[ServedCertificate]]
"""What is served by ``ADDRESS:PORT``; ``0.0.0.0`` is every address of the machine."""


def _context(one: ServedCertificate) -> ssl.SSLContext:
    """Raises ssl.SSLError where certificate and key do not fit together."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    file = os.memfd_create("certificate")
    try:
        os.write(file, one.certificate.rstrip() + b"\n" + one.key)
        context.load_cert_chain(f"/proc/self/fd/{file}", password="")  # without a password OpenSSL would ask a terminal
    finally:
        os.close(file)
    return context


def _choosing(default: ssl.SSLContext | None, by_host: dict[str, ssl.SSLContext]) -> ssl.SSLContext:
    """Return a context that picks one of these by SNI; a new one for each table, so that no session outlives its."""

    def choose(connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _own: ssl.SSLContext) -> int | None:
        chosen = by_host.get((name or "").lower(), default)
        if chosen is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = chosen
        return None

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sni_callback = choose
    return context


@dataclass(eq=False)
class _Listener:
    """One listening socket with its connections."""

    listening: socket.socket
    identity: Identity
    context: ssl.SSLContext
    accepting: asyncio.Task[None] | None = None
    connections: set[asyncio.Task[None]] = field(default_factory=set)

    async def accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self.listening)
            except OSError:  # too many open files, as a rule: it passes
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            task = loop.create_task(self._serve(connection))
            self.connections.add(task)
            task.add_done_callback(self.connections.discard)

    async def _serve(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=MAX_REQUEST)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, connection, ssl=self.context, ssl_handshake_timeout=_HANDSHAKE_SECONDS
            )
        except OSError:  # ssl.SSLError is one: refused, or the client is gone
            connection.close()
            return
        try:
            await answer_requests(self.identity, reader, asyncio.StreamWriter(transport, protocol, reader, loop))
        finally:
            transport.abort()

    async def close(self) -> None:
        tasks = [*self.connections, *([] if self.accepting is None else [self.accepting])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.listening.close()


class TlsListeners:
    """Every TLS listener of one machine; ``reconcile`` may be called from any thread."""

    def __init__(self, server: str, fqdn: str, address: str) -> None:
        self._server = server
        self._fqdn = fqdn
        self._address = address
        self._open: dict[int, _Listener] = {}
        self._contexts: dict[ServedCertificate, ssl.SSLContext] = {}
        self._served: dict[int, tuple[ServedCertificate, ...]] = {}
        self._refused: dict[int, list[str]] = {}
        """What OpenSSL did not take of the certificates served now, by port."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tls listeners", daemon=True)
        self._thread.start()

    def reconcile(self, table: TlsTable) -> tuple[str, ...]:
        """Serve what the table says from now on, and return what cannot be served, one sentence each.

        A changed certificate holds for new handshakes. Connections to an endpoint that is gone are aborted.
        """
        return self._run(self._reconcile(table))

    def close(self) -> None:
        """Abort every connection and listen no more."""
        self._run(self._reconcile({}))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_RECONCILE_SECONDS)

    async def _reconcile(self, table: TlsTable) -> tuple[str, ...]:
        wanted, problems = self._by_port(table)
        named = {one for certificates in wanted.values() for one in certificates}
        self._contexts = {one: context for one, context in self._contexts.items() if one in named}
        for port in set(self._open) - set(wanted):
            await self._open.pop(port).close()
        for port, certificates in wanted.items():
            if port not in self._open or self._served[port] != certificates:
                context = self._choosing_context(port, certificates)
                if port in self._open:
                    self._open[port].context = context
                else:
                    self._listen(port, context, problems)
            problems += self._refused[port]
        self._served = wanted
        return tuple(problems)

    def _by_port(self, table: TlsTable) -> tuple[dict[int, tuple[ServedCertificate, ...]], list[str]]:
        """Bring the machine's own address and ``0.0.0.0`` together: the own address's certificate comes first."""
        wanted: dict[int, tuple[ServedCertificate, ...]] = {}
        problems = []
        for endpoint in sorted(table, key=lambda text: text.startswith(f"{ANY_ADDRESS}:")):
            address, _, port = endpoint.rpartition(":")
            if address not in {ANY_ADDRESS, self._address}:
                problems.append(f"{endpoint} is no address of {self._server} in this lab ({self._address}): not served")
                continue
            wanted[int(port)] = (*wanted.get(int(port), ()), *table[endpoint])
        return wanted, problems

    def _choosing_context(self, port: int, certificates: tuple[ServedCertificate, ...]) -> ssl.SSLContext:
        default: ssl.SSLContext | None = None
        by_host: dict[str, ssl.SSLContext] = {}
        problems = self._refused[port] = []
        for one in certificates:
            try:
                context = self._contexts.get(one) or _context(one)
            except (ssl.SSLError, ValueError) as error:
                problems.append(f"{one.host or 'the certificate'} on port {port}: OpenSSL does not take it: {error}")
                continue
            self._contexts[one] = context
            if one.host is not None:
                by_host.setdefault(one.host.lower(), context)
            elif default is None:
                default = context
        return _choosing(default, by_host)

    def _listen(self, port: int, context: ssl.SSLContext, problems: list[str]) -> None:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listening.setblocking(False)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((self._address, port))
            listening.listen(_BACKLOG)
        except OSError as error:
            listening.close()
            problems.append(f"{self._address}:{port} cannot be listened on: {error.strerror}")
            return
        listener = _Listener(listening, Identity(self._server, self._fqdn, port), context)
        listener.accepting = self._loop.create_task(listener.accept())
        self._open[port] = listener
