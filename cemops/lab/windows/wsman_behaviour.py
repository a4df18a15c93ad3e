"""How an endpoint is to behave, for tests of its clients, and what it has counted."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Behaviour:
    """What makes an endpoint slow or unkind; the default is neither."""

    piece: int | None = None
    """Octets of output in one answer to Receive; then the end of a command has an answer of its own, too."""
    command_delay_seconds: float = 0.0
    """How long each command takes before it does anything."""
    answer_delay_seconds: float = 0.0
    """How long each answer waits."""
    hang_up_on: frozenset[str] = field(default_factory=frozenset)
    """Actions (``Receive``, ``Command``, …) that are carried out, and then the connection is cut, without an answer."""


@dataclass
class Counts:
    """What the endpoint has seen since it started."""

    connections: int = 0
    requests: int = 0
    octets_in: int = 0
    octets_out: int = 0
    shells: int = 0
    commands: int = 0
    logons: int = 0
    failed_logons: int = 0
    faults: int = 0
    actions: dict[str, int] = field(default_factory=dict)
    """Requests by the last word of their action."""


class Counters:
    """Counts that several threads add to; each change is also written to a file, if there is one."""

    def __init__(self, status_file: Path | None = None) -> None:
        self._counts = Counts()
        self._lock = threading.Lock()
        self._file = status_file
        self._published: dict[str, Any] | None = None

    def add(self, name: str, number: int = 1) -> None:
        """Add to one of the counts."""
        with self._lock:
            setattr(self._counts, name, getattr(self._counts, name) + number)

    def add_action(self, action: str) -> None:
        """Count one request of an action."""
        with self._lock:
            word = action.rpartition("/")[2]
            self._counts.actions[word] = self._counts.actions.get(word, 0) + 1

    def read(self) -> Counts:
        """Return a copy of the counts."""
        with self._lock:
            return Counts(**asdict(self._counts))

    def publish(self) -> None:
        """Write the counts to the status file if they have changed, whole at any time that somebody reads it."""
        if self._file is None:
            return
        with self._lock:
            counts = asdict(self._counts)
            if counts == self._published:
                return
            fresh = self._file.with_name(f".{self._file.name}.new")
            fresh.write_text(json.dumps({"schema": 1, **counts}) + "\n", encoding="utf-8")
            fresh.replace(self._file)
            self._published = counts
