"""Machines for the rollout table SS-05 and what surrounds it: how each is found, what is declared, what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cemops.lab.trust import ServerCertificate
from cemops.lab.windows import birth
from cemops.lab.windows.http_sys import SslCert, set_ssl_cert
from cemops.lab.windows.iis_model import Binding, Site
from cemops.lab.windows.machine_model import Machine
from tests.functional.windows.windows_site import CEM_PORT, ISSUED, thumbprint_of

NEIGHBOUR_PORT = 9443
EXTRA_PORT = 9444
MOVED_PORT = 4727
OTHER_NAME = "other.corp.test.example"
KEPT_SETTINGS = {"DefaultFlags": 2, "DefaultSslCertCheckMode": 1}
NEW, OLD, CLOSED = "new", "old", None


@dataclass(frozen=True)
class Row:
    """One machine: how it is found, what is declared for its CEM binding, and what has to come of it.

    ``bound``: IIS has the binding. ``entry``: what http.sys names for the port. ``held``: the old certificate is in My.
    ``declared``: where the certificate comes from; ``held`` is the old one by its thumbprint.
    """

    machine: str
    bound: bool
    force: bool
    install: bool
    before: str | None
    after: str | None
    warnings: frozenset[str] = frozenset()
    cut_off: int = 0
    entry: bool = True
    held: bool = True
    declared: str | None = "issued"
    port: int = CEM_PORT
    flags: dict[str, bool] = field(default_factory=dict)
    own: tuple[Binding, ...] = ()
    others: tuple[Binding, ...] = ()
    sni: str | None = None
    """A host name that has an entry of its own, with the old certificate."""

    @property
    def fqdn(self) -> str:
        return f"{self.machine}.corp.test.example"


def said(*codes: str) -> frozenset[str]:
    return frozenset(codes)


TABLE = (
    Row("row1", bound=False, force=False, install=True, before=CLOSED, after=NEW, entry=False),
    Row("row2", bound=True, force=False, install=True, before=OLD, after=OLD, warnings=said("rollout-left-binding")),
    Row("row3", bound=False, force=True, install=True, before=CLOSED, after=NEW, entry=False),
    Row(
        "row4",
        bound=True,
        force=True,
        install=True,
        before=OLD,
        after=NEW,
        warnings=said("rollout-replaces-binding"),
        cut_off=1,
    ),
    Row("row5", bound=False, force=False, install=False, before=CLOSED, after=OLD, entry=False, declared="held"),
    Row("row6", bound=True, force=False, install=False, before=OLD, after=OLD, declared=None),
    Row("row7", bound=False, force=True, install=False, before=CLOSED, after=OLD, entry=False, declared="held"),
    Row("row8", bound=True, force=True, install=False, before=OLD, after=OLD, declared=None),
)
"""The eight rows: a binding exists, force overwrite, install certificate."""

AROUND = (
    Row(
        "nothing-there",
        bound=False,
        force=False,
        install=False,
        before=CLOSED,
        after=CLOSED,
        warnings=said("no-binding"),
        entry=False,
        declared=None,
    ),
    Row(
        "orphaned",
        bound=False,
        force=False,
        install=True,
        before=CLOSED,
        after=NEW,
        warnings=said("orphaned-entry"),
    ),
    Row(
        "disagrees",
        bound=True,
        force=False,
        install=True,
        before=CLOSED,
        after=NEW,
        warnings=said("http-sys-disagrees"),
        entry=False,
    ),
    Row(
        "lost-key",
        bound=True,
        force=True,
        install=True,
        before=CLOSED,
        after=NEW,
        warnings=said("http-sys-disagrees"),
        held=False,
    ),
    Row(
        "takes-port",
        bound=False,
        force=True,
        install=True,
        before=OLD,
        after=NEW,
        warnings=said("port-taken", "rollout-replaces-binding"),
        cut_off=1,
        flags={"take_port": True},
        others=(birth.https_binding(CEM_PORT),),
    ),
    Row(
        "purges",
        bound=False,
        force=False,
        install=True,
        before=CLOSED,
        after=NEW,
        warnings=said("binding-removed"),
        cut_off=1,
        entry=False,
        flags={"purge_bindings": True},
        own=(birth.https_binding(EXTRA_PORT),),
    ),
    Row(
        "shares",
        bound=True,
        force=True,
        install=True,
        before=OLD,
        after=NEW,
        warnings=said("rollout-replaces-binding", "shared-endpoint"),
        cut_off=2,
        others=(Binding("https", f"*:{CEM_PORT}:{OTHER_NAME}"),),
    ),
    Row(
        "shadowed",
        bound=True,
        force=True,
        install=True,
        before=OLD,
        after=NEW,
        warnings=said("rollout-replaces-binding", "shadowed-endpoint"),
        cut_off=1,
        others=(Binding("https", f"*:{CEM_PORT}:shadowed.corp.test.example", 1),),
        sni="shadowed.corp.test.example",
    ),
    Row(
        "moves",
        bound=True,
        force=False,
        install=False,
        before=CLOSED,
        after=OLD,
        warnings=said("binding-removed"),
        cut_off=1,
        declared=None,
        port=MOVED_PORT,
    ),
)
ROWS = {row.machine: row for row in (*TABLE, *AROUND)}


def born_as(row: Row, old: ServerCertificate, neighbour: ServerCertificate) -> Callable[[birth.Newborn], Machine]:
    """Return how a row's machine is born, with a site next door that has the certificate ``neighbour``."""

    def making(born: birth.Newborn) -> Machine:
        own = (*((birth.https_binding(CEM_PORT),) if row.bound else ()), *row.own)
        sites = [birth.default_site(Binding("http", "*:80:"), *own), Site("Neighbour", 8, (_neighbours(),))]
        if row.others:
            sites.append(Site("Other", 9, row.others))
        machine = birth.bare_server(born, *sites)
        birth.serve(machine, NEIGHBOUR_PORT, neighbour)
        if row.held:
            machine.certificates.put("My", birth.stored(old))
        named = [f"0.0.0.0:{CEM_PORT}"] if row.entry else []
        named += [f"0.0.0.0:{EXTRA_PORT}"] if row.own else []
        for endpoint in named:
            entry = SslCert("ipport", endpoint, thumbprint_of(old), settings=dict(KEPT_SETTINGS))
            set_ssl_cert(machine.registry, entry)
        if row.sni:
            set_ssl_cert(machine.registry, SslCert("hostnameport", f"{row.sni}:{CEM_PORT}", thumbprint_of(old)))
        return machine

    return making


def _neighbours() -> Binding:
    return birth.https_binding(NEIGHBOUR_PORT)


def declared(row: Row, old: ServerCertificate) -> dict[str, Any]:
    """Return the section ``cem`` of a row's machine."""
    cem: dict[str, Any] = {
        "port": row.port,
        "install_certificate": row.install,
        "force_overwrite": row.force,
        **row.flags,
    }
    if row.declared is not None:
        cem["certificate"] = dict(ISSUED) if row.declared == "issued" else {"thumbprint": thumbprint_of(old)}
    return cem
