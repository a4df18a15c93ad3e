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
from pkgutil import walk_packages
from typing import Any

from gevent import monkey

import cemops
from cemops.cli.main import main as cemops_main  # patches the process as the command itself does
from cemops.pki import sealed_file
from cemops.rendering import environment
from tests.functional.transaction.faults import install

WEAK_SCRYPT = {"n": 2**4, "r": 8, "p": 1}
"""Before each gateway's change cemops makes a backup, whose key takes half a second to derive; in all forks alike."""
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
        cemops_main()
    except SystemExit as ended:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(ended.code or 0))


def _prepare() -> None:
    """Do once what each command would do again: import what it needs, compile the templates."""
    for module in walk_packages(cemops.__path__, "cemops."):
        if not module.name.startswith(("cemops.store.migrations.", "cemops.__main__")):
            import_module(module.name)
    import_module("sqlalchemy.dialects.sqlite")
    for name in ("gateway/httpd.conf.j2", "gateway/cemops-gateway.service.j2"):
        environment._environment().get_template(name)
    vars(sealed_file)["_SCRYPT"] = WEAK_SCRYPT


def main() -> None:
    _prepare()
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
