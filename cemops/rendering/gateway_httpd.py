"""The configuration of Apache httpd as an Internet gateway: stock httpd on Linux, the vendor's ``smp-7`` on Windows.

One template for both, so that what keeps strangers out is written once.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Protocol

from cemops.errors import CemopsError
from cemops.rendering.environment import render_template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cemops.planning.sizing import Sizing

IDLE_SECONDS = 600
"""How long a silent tunnel lives. Far above the ping of a persistent connection (C-05), far below the 30
minutes between two polls of the task server (SS-10), so that an agent that vanished does not keep its
thread."""

DIAL_SECONDS = 20
"""How long httpd tries to reach a server before it answers the agent with an error."""

ADDRESSES_OF_THE_MACHINE_ITSELF = ("127.0.0.1", "::1", "0.0.0.0", "::")  # noqa: S104 -- refused, not listened on
"""For ``HttpdInputs.proxy_block``, with the gateway's own addresses. A connection to the two unspecified
addresses arrives at the machine itself, and a block of 127.0.0.1 does not stop it."""

_MODULES = (
    ("mpm_event_module", "mod_mpm_event.so"),
    ("unixd_module", "mod_unixd.so"),
    ("authz_core_module", "mod_authz_core.so"),
    ("log_config_module", "mod_log_config.so"),
    ("logio_module", "mod_logio.so"),
    ("reqtimeout_module", "mod_reqtimeout.so"),
    ("ssl_module", "mod_ssl.so"),
    ("proxy_module", "mod_proxy.so"),
    ("proxy_connect_module", "mod_proxy_connect.so"),
)

_NOT_ON_WINDOWS = frozenset({"mpm_event_module", "unixd_module"})
"""Windows' httpd has its own MPM built in, and no Unix to be."""

_PROTOCOLS = {"1.2": "TLSv1.2", "1.3": "TLSv1.3"}


class TunnelTarget(Protocol):
    """One entry of the allow-list (IG-02); ``cemops.model.topology.Target`` is one."""

    @property
    def host(self) -> str: ...  # noqa: D102 - an attribute, described by its class
    @property
    def port(self) -> int: ...  # noqa: D102 - as above


@dataclass(frozen=True)
class WindowsFolders:
    """Where client CAs and CRLs lie on Windows: folders of single files, found by the hash in a file's name (IG-10)."""

    client_ca: str
    client_crl: str


@dataclass(frozen=True)
class HttpdInputs:
    """Everything that one gateway's configuration depends on; paths are absolute, on the gateway.

    The rehearsal renders the same template with other ``listen``, ``pid_file`` and ``log_dir`` (and a small
    ``sizing``, so that it does not start the whole capacity a second time).
    """

    modules_dir: str
    """Where httpd's modules lie, for example ``/usr/lib/apache2/modules``."""
    fqdn: str
    listen: tuple[tuple[str, int], ...]
    """Pairs of an address, or ``*`` for all, and a port (IG-01)."""
    tls: tuple[str, ...]
    """``1.2`` and/or ``1.3``."""
    targets: Sequence[TunnelTarget]
    """The allow-list, in the order of the estate file."""
    sizing: Sizing
    root: str
    """ROOT: ``run/`` and ``logs/`` must exist below it, writable by the account that httpd runs as."""
    release_dir: str
    """Holds ``client-ca.pem``, and ``client-crl.pem`` if ``has_crl``."""
    certificate: str
    """PEM file: the gateway's certificate and the chain to send with it."""
    key: str
    """PEM file: its key, unencrypted, readable by whoever starts httpd alone."""
    has_crl: bool = False
    every_ca_has_crl: bool = False
    account: str | None = None
    """The children's account where root starts httpd (``direct``); None where httpd is not root
    (``systemd``, a rootless lab): there must then be no ``User`` line."""
    group: str | None = None
    """The children's group; needed with ``account``, since httpd's own default is no real group."""
    proxy_block: tuple[str, ...] = ()
    """Addresses that no listed name may resolve to; single ones, since ProxyBlock knows no ranges."""
    fips: bool = False
    pid_file: str | None = None
    """Default ``ROOT/run/httpd.pid``."""
    log_dir: str | None = None
    """Default ``ROOT/logs``; gets ``access.log`` and ``error.log``."""
    windows: WindowsFolders | None = None
    """Set for Windows: no ``release_dir``, no account, one child. Paths are written with forward slashes."""
    idle_seconds: int = IDLE_SECONDS
    dial_seconds: int = DIAL_SECONDS


def render_httpd_conf(inputs: HttpdInputs) -> str:
    """Render the text of ``httpd.conf``.

    Raises CemopsError where a value cannot stand in the file, no server is listed, no usable TLS version is
    left, two addresses collide, or ``account`` comes without ``group``.
    """
    if inputs.account is not None and inputs.group is None:
        raise CemopsError(f"The service account {inputs.account!r} needs a group: name its primary group.")
    if not inputs.targets:
        raise CemopsError(f"The gateway {inputs.fqdn} lists no server, so it would tunnel nothing: list one (IG-02).")
    _refuse_colliding_listens(inputs.listen)
    log_dir = inputs.log_dir or f"{inputs.root}/logs"
    run_dir = f"{inputs.root}/run"
    values: dict[str, object] = {
        **vars(inputs),
        "pid_file": inputs.pid_file or f"{run_dir}/httpd.pid",
        "run_dir": run_dir,
        "mutex": f"file:{run_dir}",
        "modules": [
            (name, f"{inputs.modules_dir}/{file}")
            for name, file in _MODULES
            if not (inputs.windows and name in _NOT_ON_WINDOWS)
        ],
        "error_log": f"{log_dir}/error.log",
        "access_log": f"{log_dir}/access.log",
        "listen": [_listen_address(address, port) for address, port in inputs.listen],
        "virtual_host": [_virtual_host_address(address, port) for address, port in inputs.listen],
        "protocols": _protocols(inputs.tls),
        "client_ca": inputs.windows.client_ca if inputs.windows else f"{inputs.release_dir}/client-ca.pem",
        "client_crl": inputs.windows.client_crl if inputs.windows else f"{inputs.release_dir}/client-crl.pem",
        "ports": sorted({target.port for target in inputs.targets}),
    }
    return render_template("gateway/httpd.conf.j2", values)


def _refuse_colliding_listens(listen: tuple[tuple[str, int], ...]) -> None:
    if not listen:
        raise CemopsError("The gateway listens nowhere: give an address and a port (IG-01).")
    for port in {port for _, port in listen}:
        addresses = [address for address, other in listen if other == port]
        if len(addresses) > 1 and ("*" in addresses or len(set(addresses)) < len(addresses)):
            raise CemopsError(
                f"Port {port} is listened on twice for one address: name '*' alone, or each address once (IG-01)."
            )


def _listen_address(address: str, port: int) -> str:
    return str(port) if address == "*" else _virtual_host_address(address, port)


def _virtual_host_address(address: str, port: int) -> str:
    if address == "*":
        return f"*:{port}"
    try:
        parsed = ip_address(address)
    except ValueError:
        raise CemopsError(f"{address!r} is no address to listen on: give an IP address or '*' (IG-01).") from None
    return f"[{parsed}]:{port}" if isinstance(parsed, IPv6Address) else f"{parsed}:{port}"


def _protocols(versions: tuple[str, ...]) -> list[str]:
    for version in versions:
        if version not in _PROTOCOLS:
            raise CemopsError(f"TLS {version} is not offered by a gateway: use 1.2 and 1.3 (CE-06).")
    if not versions:
        raise CemopsError("No TLS version is left for the gateway: use 1.2 and 1.3 (CE-06).")
    return [name for version, name in _PROTOCOLS.items() if version in versions]
