"""A process that works with a store, as an apply does: ``python -m tests.functional.store.store_worker VERB``.

The URL comes in ``STORE_URL``. ``race``: waits for a line on stdin, takes the lock, holds it until stdin ends.
``work``: locks and makes changes without end; each line it prints names a change whose record is on the disk.
``LARGEST_FILE`` stands for a disk that is full: no file of the process grows beyond so many bytes.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from itertools import count
from pathlib import Path

from pydantic import SecretStr

from cemops.errors import CemopsError
from cemops.store.database import Database
from cemops.store.location import StoreLocation, store_location
from cemops.store.operator import this_operator
from cemops.store.records import ApplyStart, ChangeStart, Ending, Result, Store

ESTATE = "shared"


def location_of(url: str) -> StoreLocation:
    """Return where the store of a URL is."""
    return store_location(Path("/"), SecretStr(url))


def store_at(url: str) -> Store:
    """Open the store of a URL, as this process."""
    return Store(Database(location_of(url)), ESTATE, this_operator(os.environ))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def race() -> None:
    say("ready")
    sys.stdin.readline()
    try:
        store = store_at(os.environ["STORE_URL"])
        store.lock("race")
    except CemopsError as error:
        say(f"lost {type(error).__name__}: {error}")
        return
    say("won")
    sys.stdin.read()
    store.end(None, Ending())


def work() -> None:
    store = store_at(os.environ["STORE_URL"])
    store.lock("work")
    apply = store.begin(ApplyStart("work", "sha256:0"))
    for number in count():
        changes = (
            ChangeStart(f"gw{number}:file:a", "file", "create"),
            ChangeStart(f"gw{number}:file:b", "file", "create"),
        )
        started = store.start_changes(apply, f"gw{number}", changes)
        say(f"touching gw{number}")
        store.finish_changes(started, Result.APPLIED, None, 0.1)


if __name__ == "__main__":
    if "LARGEST_FILE" in os.environ:
        largest = int(os.environ["LARGEST_FILE"])
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    {"race": race, "work": work}[sys.argv[1]]()
