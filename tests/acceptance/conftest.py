"""Acceptance tests: the machines of an estate to which ``cemops apply`` has been done. Nothing here changes one.

Not part of ``make test``: ``make acceptance ESTATE=/path/to/estate.yaml`` runs them, each test once for each machine
or endpoint of its kind. Kinds that the estate has none of are named at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from cemops.model.gateways import Gateway
from tests.acceptance.accepted_estate import (
    Endpoint,
    WindowsMachine,
    endpoints,
    linux_gateways,
    probed_gateways,
    windows_machines,
)
from tests.acceptance.connections import connection_to

KINDS: dict[str, tuple[str, Callable[[], Sequence[Any]]]] = {
    "test_accepted_gateways.py": ("Linux gateway", linux_gateways),
    "test_accepted_probe.py": ("gateway", probed_gateways),
    "test_accepted_windows.py": ("Windows machine", windows_machines),
    "test_accepted_endpoints.py": ("HTTPS endpoint of a Windows server", endpoints),
}
"""Files whose tests are for one kind of thing, and what the estate has of it."""
LEFT_OUT = pytest.StashKey[list[str]]()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the tests of a kind that the estate has none of, and remember it for the summary."""
    what, having = KINDS.get(collection_path.name, ("", tuple))
    if not what or having():
        return None
    config.stash.setdefault(LEFT_OUT, []).append(what)
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what there was none of."""
    for what in config.stash.get(LEFT_OUT, []):
        terminalreporter.write_line(f"the estate has no {what} that cemops manages: nothing of the kind was looked at")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test for each thing of its kind."""
    if "gateway" in metafunc.fixturenames:
        gateways = linux_gateways()
        metafunc.parametrize("gateway", gateways, ids=[one.name for one in gateways], scope="session")
    if "windows" in metafunc.fixturenames:
        machines = windows_machines()
        metafunc.parametrize("windows", machines, ids=[one.name for one in machines], scope="session")
    if "endpoint" in metafunc.fixturenames:
        served = endpoints()
        ids = [f"{one.server.name}-{one.binding.purpose}" for one in served]
        metafunc.parametrize("endpoint", served, ids=ids, scope="session")


@pytest.fixture(scope="session")
def connections(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Any], Host]:
    """Connections by machine, each made once: a password is tried once."""
    made: dict[str, Host] = {}

    def get(name: str, connection: Any) -> Host:
        if name not in made:
            made[name] = connection_to(connection, tmp_path_factory.mktemp(name))
        return made[name]

    return get


@pytest.fixture
def gateway_host(gateway: Gateway, connections: Callable[[str, Any], Host]) -> Host:
    """A gateway's machine."""
    return connections(gateway.name, gateway.connection)


@pytest.fixture
def windows_host(windows: WindowsMachine, connections: Callable[[str, Any], Host]) -> Host:
    """A Windows machine."""
    return connections(windows.name, windows.connection)


@pytest.fixture
def endpoint_host(endpoint: Endpoint, connections: Callable[[str, Any], Host]) -> Host:
    """The machine of an endpoint."""
    return connections(endpoint.server.name, endpoint.server.connection)
