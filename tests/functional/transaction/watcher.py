"""An agent that looks on: a new tunnel about every 50 ms, and one that it keeps for as long as it watches."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cemops.probe.agent import Agent, InnerTls
from cemops.probe.streams import Deadline, Stream
from cemops.probe.tls import inner_context
from tests.functional.transaction.bench import Bench

HOST = "ns1.corp.lab.example"
TARGET = f"{HOST}:4726"
PAUSE_SECONDS = 0.05
PATIENCE_SECONDS = 30
REQUEST = f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode("ascii")


@dataclass
class Seen:
    """What the watching agent saw."""

    opened: int = 0
    failures: list[str] = field(default_factory=list)
    """Tunnels that did not open."""
    answers: int = 0
    """Answers through the tunnel that was kept."""
    ended: str = ""
    """How the kept tunnel ended, if it did."""


@contextmanager
def watching(bench: Bench, gateway: str) -> Iterator[Seen]:
    """Watch while the block runs."""
    agent, seen, over = bench.agent(gateway), Seen(), threading.Event()
    visit, stream = agent.hold(TARGET, inner=InnerTls(HOST, inner_context(())))
    assert stream is not None, visit.detail
    threads = [
        threading.Thread(target=_open_tunnels, args=(agent, seen, over)),
        threading.Thread(target=_keep_asking, args=(stream, seen, over)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join(timeout=PATIENCE_SECONDS)
        stream.close()
    assert not any(thread.is_alive() for thread in threads)
    assert seen.opened


def _open_tunnels(agent: Agent, seen: Seen, over: threading.Event) -> None:
    while not over.wait(PAUSE_SECONDS):
        visit = agent.connect(TARGET)
        if visit.opened:
            seen.opened += 1
        else:
            seen.failures.append(f"{time.strftime('%X')} {visit.step}: {visit.detail}")


def _keep_asking(stream: Stream, seen: Seen, over: threading.Event) -> None:
    while not over.wait(PAUSE_SECONDS):
        try:
            stream.limit(Deadline.after(PATIENCE_SECONDS))
            stream.send(REQUEST)
            answer = stream.recv(4096)
        except OSError as error:
            seen.ended = str(error) or type(error).__name__
            return
        if not answer.startswith(b"HTTP/1.1 200"):
            seen.ended = f"answered {answer!r}"
            return
        seen.answers += 1
