"""The inputs of one small gateway, and its configuration as the lines that httpd acts on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from cemops.planning.sizing import gateway_sizing
from cemops.rendering.gateway_httpd import HttpdInputs, render_httpd_conf

ROOT = "/etc/cemops-gateway"


@dataclass(frozen=True)
class Listed:
    host: str
    port: int


INPUTS = HttpdInputs(
    modules_dir="/usr/lib/apache2/modules",
    fqdn="gw1.northwind.example",
    listen=(("*", 443),),
    tls=("1.2", "1.3"),
    targets=(
        Listed("ns1.corp.northwind.example", 4726),
        Listed("ns1", 4726),
        Listed("ps2.corp.northwind.example", 8443),
    ),
    sizing=gateway_sizing(50),
    root=ROOT,
    release_dir=f"{ROOT}/releases/0123456789ab.1",
    certificate=f"{ROOT}/tls/aa.crt",
    key=f"{ROOT}/tls/aa.key",
    has_crl=True,
    every_ca_has_crl=True,
    proxy_block=("127.0.0.1", "::1", "203.0.113.11"),
)


def directives(text: str) -> list[str]:
    """The lines that httpd acts on."""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def rendered(**changes: Any) -> list[str]:
    return directives(render_httpd_conf(replace(INPUTS, **changes)))
