"""Waits for a gateway's tunnels to end (C-05): one cheap remote command a look, a look every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.resources import files

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.host import Host

from cemops.errors import HostError
from cemops.execution.kernel_endpoints import kernel_endpoints
from cemops.model.gateways import Gateway

LOOK_SECONDS = 30
"""How long one look may take."""
PAUSE_SECONDS = 2.0
_COUNT = files("cemops.execution.remote").joinpath("connections.sh").read_text("utf-8")


def connections(host: Host, gateway: Gateway) -> int:
    """Count the connections that agents hold on a gateway: each is a tunnel, or about to be one."""
    words = (QuoteString(endpoint) for endpoint in kernel_endpoints(gateway.listen))
    command = StringCommand("set", "--", *words, f"\n{_COUNT}")
    try:
        _, output = host.run_shell_command(command, _timeout=LOOK_SECONDS)
    except OSError as error:
        raise HostError(
            host.name, f"{host.name}: the connections could not be counted ({error}); run drain again", unreachable=True
        ) from None
    lines = output.stdout_lines
    number = lines[-2].removeprefix("connections\t") if lines[-1:] == ["end"] and len(lines) > 1 else ""
    if not number.isdecimal():
        raise HostError(
            host.name, f"{host.name}: the connections could not be counted: has the host a readable /proc/net/tcp?"
        )
    return int(number)


def wait_for_end(count: Callable[[], int], seconds: float, say: Callable[[str], None]) -> int:
    """Look until no connection is left or the time is over; return how many are left. ``say`` is told of changes."""
    end = time.monotonic() + seconds
    said: int | None = None
    while left := count():
        if left != said:
            said = left
            say(f"{left} left")
        remaining = end - time.monotonic()
        if remaining <= 0:
            break
        time.sleep(min(PAUSE_SECONDS, remaining))
    return left
