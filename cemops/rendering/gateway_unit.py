"""The systemd unit of an Internet gateway (layout ``httpd``, ``service.manager: systemd``).

httpd runs as the service account from its first instruction, with CAP_NET_BIND_SERVICE as its only
capability, so its configuration has no ``User`` line (``HttpdInputs.account`` is None) and httpd can open
only what the account can:

- ``tls/*.key``: the account, 0400; nobody else can read a key.
- ``tls/`` and ``tls/*.crt``: root, 0755 and 0644; the account cannot put another key in the place of one.
- ``releases/*``: root, files 0644, folders 0755; the account cannot widen its own allow-list.
- ``run/`` and ``logs/``: the account, 0750; httpd writes its pid file and its logs there. They must exist,
  since systemd starts no unit whose ReadWritePaths are missing.

With ``service.manager: direct`` and root as the starter (``HttpdInputs.account`` set) all of it belongs to
root, keys 0400, ``logs/`` and ``run/`` 0755 at most: root's parent reads the key and opens the logs, the
children get them open. A folder in which the account could write and root opens files would hand root's
rights to whoever takes over a child. With ``direct`` and an account as the starter (a rootless lab) that
account owns everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cemops.rendering.environment import render_template

if TYPE_CHECKING:
    from cemops.planning.sizing import Sizing

HTTPD_ENVIRONMENT = (("MALLOC_ARENA_MAX", "1"), ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0"))
"""What httpd's environment must hold however it is started: about 10 KB less for each tunnel."""


@dataclass(frozen=True)
class GatewayUnitInputs:
    """Everything that the unit depends on. Paths are absolute POSIX paths on the gateway."""

    fqdn: str
    httpd: str
    """The program, for example ``/usr/sbin/apache2``."""
    root: str
    """ROOT; the live configuration is ``ROOT/current/httpd.conf``."""
    account: str
    sizing: Sizing
    group: str | None = None
    """Default: the account's primary group."""


def render_gateway_unit(inputs: GatewayUnitInputs) -> str:
    """Render the unit file's text. Raises CemopsError where a value cannot stand in it."""
    values: dict[str, object] = {
        **vars(inputs),
        "conf": f"{inputs.root}/current/httpd.conf",
        "run_dir": f"{inputs.root}/run",
        "log_dir": f"{inputs.root}/logs",
        "environment": HTTPD_ENVIRONMENT,
    }
    return render_template("gateway/cemops-gateway.service.j2", values)
