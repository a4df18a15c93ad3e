"""A pyinfra run of cemops' own: connects to the hosts of an estate, for the same operations as the stock command."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from pyinfra.api.config import Config
from pyinfra.api.connect import connect_all, disconnect_all
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import BaseStateCallback, State, StateStage
from pyinfra.connectors.base import BaseConnector
from pyinfra.context import ctx_state

from cemops.execution.estate_context import EstateContext
from cemops.execution.host_order import keep_order
from cemops.execution.inventory import HostEntry, inventory_groups

CONNECT_SECONDS = 10

_Groups = Mapping[str, tuple[Sequence[HostEntry], Mapping[str, Any]]]


class _EstateInventory(Inventory):
    """Hosts with the connectors that their names ask for, each connector looked up once.

    pyinfra's own looks through the metadata of every installed package again for each such name (6 ms a host), and
    imports every connector that there is.
    """

    def __init__(self, groups: _Groups) -> None:
        super().__init__(((), {}), **groups)  # type: ignore[no-untyped-call]  # pyinfra has no annotations here

    def make_hosts_and_groups(self, names: object, groups: _Groups) -> None:
        """Make each host, under its plain name, of entries such as ``("@cemops-ssh/gw1", data)``."""
        del names  # all of them are in the groups
        self.hosts: dict[str, Host] = {}
        for group, (entries, data) in groups.items():
            self.group_data[group] = dict(data)
            for name, host_data in entries:
                connector, _, plain = name.removeprefix("@").partition("/")
                host = Host(plain, inventory=self, groups=[group], connector_cls=_connector(connector))
                self.hosts[plain] = host
                self.host_data[plain] = host_data
                self.groups[group].append(host)


@cache
def _connector(name: str) -> type[BaseConnector]:
    """Load the pyinfra connector of a name."""
    (found,) = entry_points(group="pyinfra.connectors", name=name)
    connector: type[BaseConnector] = found.load()
    return connector


class _ConnectErrors(BaseStateCallback):
    """Keeps why a host could not be reached."""

    def __init__(self, reached: Callable[[str], None]) -> None:
        self.errors: dict[str, str] = {}
        self._reached = reached

    def host_connect(self, state: State, host: Host) -> None:  # type: ignore[override]  # noqa: ARG002 - pyinfra declares static methods, and calls bound ones
        self._reached(host.name)

    def host_connect_error(self, state: State, host: Host, error: Exception) -> None:  # type: ignore[override]  # noqa: ARG002 - as above
        self.errors[host.name] = str(error.args[0] if error.args else error)


@dataclass
class Session:
    """Connected hosts. ``errors`` says of each host that is not, why."""

    state: State
    errors: Mapping[str, str]

    @property
    def hosts(self) -> tuple[Host, ...]:
        """The connected hosts, in the order of the estate."""
        return tuple(host for host in self.state.inventory if host.connected)


@contextmanager
def connected(context: EstateContext, names: Iterable[str], reached: Callable[[str], None]) -> Iterator[Session]:
    """Connect to the named hosts at the same time; ``reached`` is told of each. Disconnects at the end.

    A host that cannot be reached is in ``errors`` and stops nobody else.
    """
    wanted = set(names)
    groups: _Groups = {
        group: ([entry for entry in entries if entry[1]["cemops_machine"] in wanted], {})
        for group, entries in inventory_groups(context).items()
    }
    inventory = _EstateInventory(groups)
    keep_order(inventory)
    state = State(check_for_changes=False)
    errors = _ConnectErrors(reached)
    with ctx_state.use(state):
        state.init(inventory, Config(CONNECT_TIMEOUT=CONNECT_SECONDS))
        state.add_callback_handler(errors)
        state.set_stage(StateStage.Connect)
        try:
            _connect(state)
            yield Session(state, errors.errors)
        finally:
            disconnect_all(state)


def _connect(state: State) -> None:
    try:
        connect_all(state)
    except PyinfraError:
        # pyinfra raises where no host is left; the errors say which and why
        return
