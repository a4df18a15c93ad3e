"""Where the vendor's gateway lies on a machine: its folders (IG-10), and which install folder it is in (IG-15)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cemops.model.gateways import Gateway, Layout
from cemops.model.windows_observed import ObservedWindows, WindowsService

GATEWAY_SERVICE = "SymantecManagementPlatformInternetGateway"
"""IG-07."""
INSTALL_FOLDERS = (
    r"C:\Program Files (x86)\Symantec\SMP Internet Gateway",
    r"C:\Program Files\Symantec\SMP Internet Gateway",
)
"""IG-10: the default, and the one that the 7.x backup text has."""
_HTTPD_NAMES = ("httpd.exe", "apache.exe")


@dataclass(frozen=True)
class GatewayFolders:
    """The folders of one install folder."""

    root: str

    @property
    def apache(self) -> str:
        """7.x: everything of httpd."""
        return rf"{self.root}\Apache"

    @property
    def conf(self) -> str:
        """7.x: httpd.conf."""
        return rf"{self.apache}\conf"

    @property
    def apache_certs(self) -> str:
        """7.x: server.crt, server.key, and the folders of client CAs and CRLs."""
        return rf"{self.apache}\certs"

    @property
    def certs(self) -> str:
        """8.x: server.pfx."""
        return rf"{self.root}\certs"

    @property
    def settings(self) -> str:
        """8.x: what the gateway's manager writes; its format is not documented (IG-15)."""
        return rf"{self.root}\Settings"

    @property
    def own(self) -> str:
        """What cemops keeps beside the vendor's: copies of what served before, and what is tried out."""
        return rf"{self.root}\cemops"

    @property
    def before(self) -> str:
        """Copies of replaced files, named by their content."""
        return rf"{self.own}\before"

    @property
    def trial(self) -> str:
        """The configuration that is tested and rehearsed before it goes live."""
        return rf"{self.own}\next"

    def client_places(self, layout: Layout) -> tuple[str, ...]:
        """Return where client CAs may lie; 8.x has them beside server.pfx or beside its folder."""
        return (rf"{self.apache_certs}\client",) if layout == "smp-7" else self._places("client")

    def crl_places(self, layout: Layout) -> tuple[str, ...]:
        """Return where CRLs may lie."""
        return (rf"{self.apache_certs}\crl",) if layout == "smp-7" else self._places("crl")

    def _places(self, name: str) -> tuple[str, ...]:
        return (rf"{self.certs}\{name}", rf"{self.root}\{name}")

    def marker(self, layout: Layout) -> str:
        """Return the folder by which an installation of a layout is known."""
        return self.conf if layout == "smp-7" else self.certs


@dataclass(frozen=True)
class Installation:
    """What was found of the installation. With ``problems`` nothing else may be relied on."""

    folders: GatewayFolders
    problems: tuple[str, ...] = ()
    httpd: str = ""
    """7.x: the gateway's own httpd."""
    client: str = ""
    crl: str = ""


def install_folders(gateway: Gateway) -> tuple[GatewayFolders, ...]:
    """Return the declared install folder and the usual ones, each once."""
    folders = {root.casefold(): GatewayFolders(root) for root in reversed((gateway.root, *INSTALL_FOLDERS))}
    return tuple(reversed(folders.values()))


def installation(gateway: Gateway, observed: ObservedWindows) -> Installation:
    """Find the installation where the estate says it is; say what is wrong where it is elsewhere, or another layout."""
    folders = GatewayFolders(gateway.root)
    service = observed.services.get(GATEWAY_SERVICE)
    problems = tuple(_problems(gateway, folders, observed, service))
    if problems:
        return Installation(folders, problems)
    return Installation(
        folders,
        httpd=_httpd(folders, service),
        client=_existing(folders.client_places(gateway.layout), observed),
        crl=_existing(folders.crl_places(gateway.layout), observed),
    )


def _problems(
    gateway: Gateway, folders: GatewayFolders, observed: ObservedWindows, service: WindowsService | None
) -> Iterator[str]:
    if observed.folders.get(folders.marker(gateway.layout)) is None:
        yield _not_there(gateway, folders, observed)
        return
    if service is None:
        yield (
            f"there is no service {GATEWAY_SERVICE}: install the gateway with the vendor's setup, then plan again "
            "(IG-07)"
        )
        return
    program = _program(service)
    if not program.casefold().startswith(f"{gateway.root.casefold()}\\"):
        yield (
            f"the service {GATEWAY_SERVICE} runs {program}, which is not in {gateway.root}: write its install folder "
            "into root (IG-15)"
        )
    for what, places in (
        ("client CAs", folders.client_places(gateway.layout)),
        ("CRLs", folders.crl_places(gateway.layout)),
    ):
        if not _existing(places, observed):
            yield f"there is no folder for {what} ({' or '.join(places)}): repair the installation (IG-10)"


def _not_there(gateway: Gateway, folders: GatewayFolders, observed: ObservedWindows) -> str:
    for other in install_folders(gateway):
        if other != folders and observed.folders.get(other.marker(gateway.layout)) is not None:
            return f"there is no gateway in {gateway.root}, but one in {other.root}: write that into root (IG-10)"
    other_layout: Layout = "smp-8" if gateway.layout == "smp-7" else "smp-7"
    for other in install_folders(gateway):
        if observed.folders.get(other.marker(other_layout)) is not None:
            return (
                f"what is installed in {other.root} has the folders of layout {other_layout}, not of {gateway.layout}: "
                "correct layout (IG-10)"
            )
    places = " and ".join(other.root for other in install_folders(gateway))
    return f"there is no gateway in {places}: install it with the vendor's setup, or correct root (IG-10, IG-15)"


def _existing(places: tuple[str, ...], observed: ObservedWindows) -> str:
    return next((place for place in places if observed.folders.get(place) is not None), "")


def _program(service: WindowsService) -> str:
    """Return the program of a service's command line."""
    path = service.path.strip()
    if path.startswith('"'):
        return path[1:].partition('"')[0]
    before, found, _ = path.partition(".exe")
    return f"{before}{found}"


def _httpd(folders: GatewayFolders, service: WindowsService | None) -> str:
    """Return the gateway's own httpd: the service's program, unless that is one around it."""
    program = _program(service) if service is not None else ""
    if program.rpartition("\\")[2].casefold() in _HTTPD_NAMES:
        return program
    return rf"{folders.apache}\bin\httpd.exe"
