"""The estate whose machines the acceptance tests look at, and what they need to know of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_file import read_estate
from cemops.execution.windows_desired import agent_site_of, site_server_of
from cemops.model.connections import Connection, SshConnection
from cemops.model.gateways import Gateway
from cemops.planning.managed import is_windows_gateway, managed_machines
from cemops.planning.windows.desired import DesiredBinding
from cemops.planning.windows.desired_firewall import desired_windows_firewall
from cemops.planning.windows.gateway.folders import GATEWAY_SERVICE

WEB_SERVICES = ("W3SVC", "WAS")
VARIABLE = "CEMOPS_ACCEPTANCE_ESTATE"
COMMAND_SECONDS = 900


@dataclass(frozen=True)
class WindowsMachine:
    """A Notification Server, site server or gateway on Windows that cemops manages."""

    name: str
    fqdn: str
    connection: Connection
    services: tuple[str, ...]
    """What has to run."""
    ports: tuple[int, ...]
    """What has to listen."""
    bindings: tuple[DesiredBinding, ...]
    """Those of IIS that the estate wants."""
    rules: tuple[str, ...]
    """Names of the firewall rules that the estate wants; none where cemops does not manage its firewall."""


@dataclass(frozen=True)
class Endpoint:
    """An HTTPS binding that the estate wants on a server."""

    server: WindowsMachine
    binding: DesiredBinding

    @property
    def thumbprints(self) -> tuple[str, ...]:
        """What is known beforehand of its certificate; nothing where any that fits will do (CE-11)."""
        material = self.binding.material
        if material is None:
            return ()
        known = () if material.facts is None else (material.facts.sha1, material.facts.sha256)
        return known if material.thumbprint is None else (*known, material.thumbprint)


@cache
def context() -> EstateContext:
    """The estate that the environment names; without one there is nothing to look at."""
    named = os.environ.get(VARIABLE)
    if not named:
        raise pytest.UsageError(
            f"the acceptance tests look at the machines of an estate: name its file in {VARIABLE}, or run"
            " `make acceptance ESTATE=/path/to/estate.yaml`"
        )
    return EstateContext.of(read_estate(Path(named)))


@cache
def linux_gateways() -> tuple[Gateway, ...]:
    """The gateways on stock httpd that cemops manages."""
    managed = managed_machines(context().estate)
    return tuple(
        gateway
        for gateway in context().estate.gateways
        if gateway.platform == "linux" and gateway.name in managed and isinstance(gateway.connection, SshConnection)
    )


def probed_gateways() -> tuple[Gateway, ...]:
    """The gateways that `cemops probe` dials: all of them."""
    return context().estate.gateways


@cache
def windows_machines() -> tuple[WindowsMachine, ...]:
    """The Windows machines that cemops manages."""
    found = []
    for server in context().estate.notification_servers:
        if server.connection is not None:
            desired = agent_site_of(context(), server)
            console = () if desired.console is None else (desired.console,)
            found.append(_server(server.name, server.fqdn, server.connection, (desired.binding, *console)))
    for site_server in context().estate.site_servers:
        if site_server.connection is not None:
            bindings = site_server_of(context(), site_server).bindings
            found.append(_server(site_server.name, site_server.fqdn, site_server.connection, bindings))
    found += [
        _gateway(gateway, gateway.connection)
        for gateway in context().estate.gateways
        if gateway.connection is not None and is_windows_gateway(gateway)
    ]
    return tuple(found)


def endpoints() -> tuple[Endpoint, ...]:
    """Every HTTPS binding that the estate wants."""
    return tuple(
        Endpoint(server, binding)
        for server in windows_machines()
        for binding in server.bindings
        if binding.protocol == "https"
    )


def _server(name: str, fqdn: str, connection: Connection, bindings: tuple[DesiredBinding, ...]) -> WindowsMachine:
    wanted = tuple(one for one in bindings if one.enabled)
    ports = tuple(one.port for one in wanted)
    return WindowsMachine(name, fqdn, connection, WEB_SERVICES, ports, wanted, _rules(name))


def _gateway(gateway: Gateway, connection: Connection) -> WindowsMachine:
    services, ports = (GATEWAY_SERVICE,), (gateway.listen.port,)
    return WindowsMachine(gateway.name, gateway.fqdn, connection, services, ports, (), _rules(gateway.name))


def _rules(name: str) -> tuple[str, ...]:
    return tuple(rule.name for rule in desired_windows_firewall(context().estate, name).rules)


def cemops(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command on the estate, as an operator without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "cemops", *words],
        env={**os.environ, "CEMOPS_ESTATE": str(context().loaded.path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )


@cache
def warned_of(name: str) -> str:
    """Everything that the next plan warns of on a machine."""
    done = cemops("plan", "--format", "json", "--limit", name)
    assert done.stdout, done.stderr
    plan: dict[str, Any] = json.loads(done.stdout)
    (host,) = [one for one in plan["hosts"] if one["host"] == name]
    warnings = [*host["warnings"], *(one for change in host["changes"] for one in change["warnings"])]
    return "\n".join(warning["message"] for warning in warnings)
