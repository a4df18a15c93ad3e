"""How long tunnels live, what is logged of them, and what a reload does: ENGINEERING.md, surprises 7 and 8."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from cemops.planning.sizing import gateway_sizing
from tests.functional.gateway_agent import Outer, dial
from tests.functional.gateway_httpd import NS1, GatewayHttpd, eventually, replaced

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@pytest.fixture
def gateway() -> Iterator[GatewayHttpd]:
    with GatewayHttpd() as started:
        yield started


def open_tunnel(gateway: GatewayHttpd) -> Outer:
    outer = gateway.dial(gateway.agent)
    assert outer.connect(NS1) == 200
    assert outer.echo() == b"ping"
    return outer


def test_surprise_7_the_access_log_tells_of_a_tunnel_when_it_ends(gateway: GatewayHttpd) -> None:
    gateway.start()
    outer = open_tunnel(gateway)
    sent = b"x" * 4096
    assert outer.echo(sent)
    assert gateway.log("access.log") == ""
    outer.close()
    assert eventually(lambda: gateway.log("access.log"))
    line = gateway.log("access.log")
    assert '"CN=agent one"' in line
    serial = f"{gateway.agent.certificate.serial_number:X}"
    assert f" serial={serial.zfill(len(serial) + len(serial) % 2)} " in line  # httpd writes whole bytes
    assert f'"CONNECT {NS1} HTTP/1.1" 200' in line
    received = int(line.split(" in=")[1].split()[0])
    assert received > len(sent)


def test_a_name_in_a_certificate_cannot_write_a_line_of_the_access_log(gateway: GatewayHttpd) -> None:
    gateway.start()
    with gateway.dial(gateway.authority.issue('a" 200\n1.2.3.4 "CN=x\t\x1b[31m')) as outer:
        assert outer.connect(NS1) == 200
    assert eventually(lambda: gateway.log("access.log"))
    text = gateway.log("access.log")
    assert text.count("\n") == 1
    assert text.rstrip("\n").isprintable()


def refuse_everyone(gateway: GatewayHttpd) -> None:
    for credential in (None, gateway.revoked, gateway.expired, gateway.stranger):
        with pytest.raises(ssl.SSLError):
            gateway.dial(credential, version="1.2")


WITHOUT_A_CERTIFICATE = "peer did not return a certificate"
WITH_A_BAD_ONE = ("certificate revoked", "certificate has expired", "unable to get local issuer certificate")


def test_surprise_7_refused_handshakes_are_in_the_error_log_only(gateway: GatewayHttpd) -> None:
    gateway.start()
    refuse_everyone(gateway)
    for words in (WITHOUT_A_CERTIFICATE, *WITH_A_BAD_ONE):
        assert eventually(lambda words=words: words in gateway.log("error.log")), words
    assert gateway.log("access.log") == ""


def test_surprise_7_without_ssl_info_nothing_is_seen_of_clients_without_a_certificate(
    gateway: GatewayHttpd,
) -> None:
    gateway.start(replaced(gateway.render(), "LogLevel warn ssl:info", "LogLevel warn"))
    refuse_everyone(gateway)
    for words in WITH_A_BAD_ONE:  # these are errors, at any level
        assert eventually(lambda words=words: words in gateway.log("error.log")), words
    gateway.stop()
    assert WITHOUT_A_CERTIFICATE not in gateway.log("error.log")


def test_surprise_8_a_silent_tunnel_lives_for_the_longer_of_two_timeouts() -> None:
    with ExitStack() as stack:
        tunnels = {}
        for idle, dialling in ((60, 1), (1, 60), (1, 1)):
            gateway = stack.enter_context(GatewayHttpd())
            gateway.start(gateway.render(idle_seconds=idle, dial_seconds=dialling))
            tunnels[idle, dialling] = stack.enter_context(open_tunnel(gateway))
        assert tunnels[1, 1].wait_for_end() == b""  # after it ends the others have been silent for longer
        assert tunnels[60, 1].echo() == b"ping"
        assert tunnels[1, 60].echo() == b"ping"


def test_pings_keep_a_tunnel_alive_beyond_its_idle_time() -> None:
    with ExitStack() as stack:
        gateway = stack.enter_context(GatewayHttpd())
        gateway.start(gateway.render(idle_seconds=1, dial_seconds=1))
        silent, pinged = open_tunnel(gateway), open_tunnel(gateway)
        silent.sock.settimeout(0.2)
        for _ in range(60):
            assert pinged.echo() == b"ping"
            try:
                assert silent.wait_for_end() == b""
                break
            except TimeoutError:
                continue
        else:
            pytest.fail("the silent tunnel did not end")
        assert pinged.echo() == b"ping"


def test_a_server_that_does_not_answer_is_given_up_after_the_dial_time(gateway: GatewayHttpd) -> None:
    with ExitStack() as stack:
        deaf = stack.enter_context(socket.socket())
        deaf.bind((gateway.backends.address, 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        for _ in range(4):  # fill its queue, so that further connections wait
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((gateway.backends.address, port))
        text = gateway.render(dial_seconds=1)
        text = replaced(text, "AllowCONNECT 4726", f"AllowCONNECT {port} 4726")
        gateway.start(replaced(text, "example:4726$", f"example:{port}$"))
        with gateway.dial(gateway.agent) as outer:
            assert outer.connect(f"ns1.corp.example:{port}") == 503


@pytest.mark.parametrize("name", ["unlisted.corp.example", "ns1.corp.example"])
def test_a_server_that_cannot_be_reached_is_an_error_of_the_gateway(gateway: GatewayHttpd, name: str) -> None:
    gateway.resolve({"ns1.corp.example": gateway.backends.address})
    gateway.start(replaced(gateway.render(), "ps2[.]corp[.]example:47260", "unlisted[.]corp[.]example:4726"))
    gateway.backends.close()
    with gateway.dial(gateway.agent) as outer:
        assert outer.connect(f"{name}:4726") == {"ns1.corp.example": 503}.get(name, 502)


def test_whoever_is_slow_to_shake_hands_loses_the_connection(gateway: GatewayHttpd) -> None:
    gateway.start(replaced(gateway.render(), "handshake=20", "handshake=1"))
    with gateway.plain() as slow:
        slow.sock.sendall(b"\x16")
        assert slow.wait_for_end() == b""


def test_whoever_is_slow_to_ask_is_told_and_loses_the_connection(gateway: GatewayHttpd) -> None:
    gateway.start(replaced(gateway.render(), "header=10-20", "header=1-2"))
    with gateway.dial(gateway.agent) as slow:
        assert slow.status(f"CONNECT {NS1} HTTP/1.1\r\nHost:") == 408


def test_no_request_fails_while_httpd_reloads(gateway: GatewayHttpd) -> None:
    gateway.start()
    path = gateway.agent.write(gateway.folder)
    statuses: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            try:
                with dial(gateway.address, path) as outer:
                    statuses.append(outer.connect(NS1))
            except OSError:
                statuses.append(0)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(3):
            gateway.graceful()
            seen = len(statuses)
            assert eventually(lambda seen=seen: len(statuses) > seen + 5)
    finally:
        over.set()
        watcher.join(timeout=20)
    assert not watcher.is_alive()
    assert set(statuses) == {200}


def test_tunnels_survive_two_graceful_reloads_and_new_ones_open_all_the_time(gateway: GatewayHttpd) -> None:
    gateway.start()
    with ExitStack() as stack:
        held = [stack.enter_context(open_tunnel(gateway))]
        for _ in range(2):
            gateway.graceful()
            held.append(stack.enter_context(open_tunnel(gateway)))
        assert [outer.echo() for outer in held] == [b"ping"] * 3
        assert "AH03490" not in gateway.log("error.log")


def test_a_scoreboard_for_one_generation_starves_new_tunnels_after_a_reload(gateway: GatewayHttpd) -> None:
    limit = gateway.inputs.sizing.server_limit
    gateway.start(replaced(gateway.render(), f"ServerLimit {limit}\n", "ServerLimit 1\n"))
    with open_tunnel(gateway) as held:
        gateway.graceful()
        assert eventually(lambda: "AH03490" in gateway.log("error.log"))
        with pytest.raises(TimeoutError), socket.create_connection(gateway.address, timeout=1) as waiting:
            ssl.create_default_context().wrap_socket(waiting, server_hostname="gw1.example")
        assert held.echo() == b"ping"


def full_house(gateway: GatewayHttpd, stack: ExitStack) -> list[Outer]:
    """As many tunnels as were declared, through the newest generation."""
    return [stack.enter_context(open_tunnel(gateway)) for _ in range(CONNECTIONS)]


CONNECTIONS = 8


def test_the_scoreboard_holds_the_declared_tunnels_of_three_generations(gateway: GatewayHttpd) -> None:
    gateway.start(gateway.render(sizing=gateway_sizing(CONNECTIONS)))
    with ExitStack() as stack:
        oldest = stack.enter_context(ExitStack())
        held = full_house(gateway, oldest)
        for _ in range(2):
            gateway.graceful()
            held += full_house(gateway, stack)
        assert [outer.echo() for outer in held] == [b"ping"] * 3 * CONNECTIONS
        gateway.graceful()  # the fourth has no place
        assert eventually(lambda: "AH03490" in gateway.log("error.log"))
        oldest.close()  # until the tunnels of the first have ended
        with open_tunnel(gateway) as newest:
            assert newest.echo() == b"ping"
        assert [outer.echo() for outer in held[CONNECTIONS:]] == [b"ping"] * 2 * CONNECTIONS
