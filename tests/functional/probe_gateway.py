"""A real httpd with our rendered configuration, before real TLS servers, and the faults that are planted in it."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cemops.planning.sizing import gateway_sizing
from cemops.probe.streams import tcp_dial
from cemops.rendering.gateway_httpd import HttpdInputs, render_httpd_conf
from tests.functional.probe_bench import (
    FQDN,
    HOSTS,
    MODULES,
    Estate,
    free_port,
    httpd_running,
    listening,
    prefix_ports,
    short_folder,
    tls_echo,
    write_pair,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cemops.pki.keyed_certificate import KeyedCertificate
    from cemops.probe.streams import Stream


@dataclass(frozen=True)
class Entry:
    """One line of the allow-list."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Servers:
    """The three servers behind the gateway; ps2's port begins with the digits of the others'."""

    ns1: Entry
    ps1: Entry
    ps2: Entry

    @property
    def all(self) -> tuple[Entry, ...]:
        return (self.ns1, self.ps1, self.ps2)


@contextmanager
def servers_running(estate: Estate, folder: Path) -> Iterator[Servers]:
    """TLS servers under their names; ps1 also listens on ps2's port, as a console next to an agent site would."""
    short, long = prefix_ports()
    ns1, ps1, ps2 = HOSTS
    with ExitStack() as stack:
        for host, port in ((ns1, short), (ps1, short), (ps2, long), (ps1, long), (ns1, long), (ps2, short)):
            pair = estate.server_root.issue(host, names=(host,))
            stack.enter_context(listening(HOSTS[host], port, tls_echo(folder, f"{host}-{port}", pair)))
        yield Servers(Entry(ns1, short), Entry(ps1, short), Entry(ps2, long))


@dataclass(frozen=True)
class Planted:
    """What differs from the good gateway."""

    tls: tuple[str, ...] = ("1.2", "1.3")
    change: Callable[[str], str] = field(default=lambda text: text)
    client_ca: str | None = None
    crl: str | None = None
    certificate: KeyedCertificate | None = None


@dataclass(frozen=True)
class Gateway:
    """A gateway that runs."""

    port: int
    fqdn: str = FQDN

    def dial(self, timeout: float = 5.0) -> Callable[[], Stream]:
        return tcp_dial("127.0.0.1", self.port, timeout=timeout)


@contextmanager
def gateway_running(
    estate: Estate, targets: tuple[Entry, ...], planted: Planted | None = None, port: int = 0
) -> Iterator[Gateway]:
    """Our rendered configuration under a real httpd, with ``planted`` in it."""
    planted = planted or Planted()
    folder = short_folder()
    try:
        port = port or free_port()
        configuration = planted.change(_configuration(estate, folder, port, targets, planted))
        with httpd_running(folder, configuration, port):
            yield Gateway(port)
    finally:
        shutil.rmtree(folder)


def _configuration(estate: Estate, folder: Path, port: int, targets: tuple[Entry, ...], planted: Planted) -> str:
    for name in ("run", "logs"):
        (folder / name).mkdir(mode=0o777)
        (folder / name).chmod(0o777)
    certificate, key = write_pair(folder, "gateway", planted.certificate or estate.gateway)
    (folder / "client-ca.pem").write_text(planted.client_ca or estate.root.pem)
    (folder / "client-crl.pem").write_text(planted.crl or estate.crl)
    is_root = os.geteuid() == 0
    return render_httpd_conf(
        HttpdInputs(
            modules_dir=MODULES,
            fqdn=FQDN,
            listen=(("127.0.0.1", port),),
            tls=planted.tls,
            targets=targets,
            sizing=gateway_sizing(40, "linux"),
            root=str(folder),
            release_dir=str(folder),
            certificate=str(certificate),
            key=str(key),
            has_crl=True,
            every_ca_has_crl=True,
            account="nobody" if is_root else None,
            group="nogroup" if is_root else None,
        )
    )


def with_session_cache(configuration: str) -> str:
    """Let httpd keep sessions, in shared memory."""
    cache = f'LoadModule socache_shmcb_module "{MODULES}/mod_socache_shmcb.so"\nSSLSessionCache shmcb:(512000)'
    assert "SSLSessionCache none" in configuration
    return configuration.replace("SSLSessionCache none", cache)
