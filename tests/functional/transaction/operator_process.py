"""A process that runs cemops commands one after the other, each in a fork of its own that may be killed.

It reads one JSON object a line (``arguments``, ``environment``, ``within``, ``fault``, ``out``, ``err``) and answers
each with the exit code (minus the signal's number where the command was killed). cemops is imported once, which is what
makes many commands cheap; a fork shares nothing else with the next.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
from importlib import import_module
from typing import Any

from gevent import monkey

from cemops.cli.main import COMMANDS  # patches the process as the command itself does
from cemops.cli.main import main as cemops
from tests.functional.transaction.faults import install

LATER = (
    *(f"cemops.cli.{name}" for name in COMMANDS),
    "cemops.execution.estate_store",
    "cemops.execution.ssh_connector",
    "cemops.execution.winrm_connector",
    "sqlalchemy.dialects.sqlite",
)
"""What a command imports when it needs it."""
_fork = monkey.get_original("os", "fork")
_waitpid = monkey.get_original("os", "waitpid")


def _become(request: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(request["environment"])
    if request["within"]:
        os.chdir(request["within"])
    for name, number in (("out", 1), ("err", 2)):
        descriptor = os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(descriptor, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if request["fault"]:
        install(request["fault"])
    sys.argv = ["cemops", *request["arguments"]]
    try:
        cemops()
    except SystemExit as ended:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(ended.code or 0))


def main() -> None:
    for module in LATER:
        import_module(module)
    gc.freeze()  # looking for garbage would make every fork copy what they share
    for line in sys.stdin:
        pid = _fork()
        if pid == 0:
            try:
                _become(json.loads(line))
            except BaseException:  # noqa: BLE001 - whatever it is, it must be seen, and this fork must end here
                traceback.print_exc()
            finally:
                os._exit(70)
        _, status = _waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
