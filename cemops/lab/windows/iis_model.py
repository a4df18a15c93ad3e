"""IIS of a stand-in: sites, bindings and applications, kept as the text of ``applicationHost.config``.

The text is the only truth: it is parsed for each question and written anew for each change, so that a machine is
born with any file, a damaged one too. Whether a site runs is not in it, as on Windows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from xml.etree.ElementTree import Element, ParseError, SubElement, indent, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from cemops.lab.windows.leaf_error import LeafError

CONFIGURATION_PATH = r"C:\Windows\System32\inetsrv\config\applicationHost.config"
DEFAULT_SITE = "Default Web Site"
DEFAULT_POOL = "DefaultAppPool"

_NO_OBJECT = 0x80070002


@dataclass(frozen=True)
class Binding:
    """One binding of a site; ``information`` is ``ADDRESS:PORT:HOST``, ``ssl_flags`` a bit mask."""

    protocol: str
    information: str
    ssl_flags: int = 0

    def is_at(self, protocol: str, information: str) -> bool:
        """Tell whether the binding is the one named: IIS compares without regard to case."""
        return (self.protocol.lower(), self.information.lower()) == (protocol.lower(), information.lower())


@dataclass(frozen=True)
class Application:
    """One application of a site."""

    path: str
    physical_path: str
    pool: str = DEFAULT_POOL


@dataclass(frozen=True)
class Site:
    """One site."""

    name: str
    id: int
    bindings: tuple[Binding, ...] = ()
    applications: tuple[Application, ...] = ()


def _child(parent: Element, tag: str, **attributes: str) -> Element:
    return SubElement(parent, tag, attributes)


def _site_element(parent: Element, site: Site) -> None:
    element = _child(parent, "site", name=site.name, id=str(site.id))
    for one in site.applications:
        application = _child(element, "application", path=one.path, applicationPool=one.pool)
        _child(application, "virtualDirectory", path="/", physicalPath=one.physical_path)
    bindings = _child(element, "bindings")
    for binding in site.bindings:
        described = {"protocol": binding.protocol, "bindingInformation": binding.information}
        if binding.protocol == "https" or binding.ssl_flags:
            described["sslFlags"] = str(binding.ssl_flags)
        _child(bindings, "binding", **described)


def render_configuration(sites: tuple[Site, ...]) -> str:
    """Return the text of ``applicationHost.config`` for these sites."""
    root = Element("configuration")
    host = _child(root, "system.applicationHost")
    pools = _child(host, "applicationPools")
    for pool in dict.fromkeys([DEFAULT_POOL, *(one.pool for site in sites for one in site.applications)]):
        _child(pools, "add", name=pool, managedRuntimeVersion="v4.0")
    below = _child(host, "sites")
    for site in sites:
        _site_element(below, site)
    _child(_child(below, "applicationDefaults"), "virtualDirectoryDefaults", allowSubDirConfig="true")
    web = _child(root, "system.webServer")
    _child(_child(web, "security"), "access", sslFlags="None")
    indent(root, "    ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def parse_configuration(text: str) -> tuple[Site, ...]:
    """Return the sites in a text. Raises LeafError if it is damaged."""
    try:
        root = fromstring(text.encode(), forbid_dtd=True)
        return tuple(
            Site(
                name=site.attrib["name"],
                id=int(site.attrib["id"]),
                bindings=tuple(
                    Binding(one.attrib["protocol"], one.attrib["bindingInformation"], int(one.get("sslFlags", "0")))
                    for one in site.iterfind("bindings/binding")
                ),
                applications=tuple(_application(one) for one in site.iterfind("application")),
            )
            for site in root.iterfind("system.applicationHost/sites/site")
        )
    except (ParseError, DefusedXmlException, KeyError, ValueError) as error:
        raise LeafError(
            f"Filename: \\\\?\\{CONFIGURATION_PATH}\r\nError: Configuration file is not well-formed XML",
            kind="System.Runtime.InteropServices.COMException",
            hresult=0x8007000D,
        ) from error


def _application(element: Element) -> Application:
    folder = element.find("virtualDirectory")
    return Application(
        path=element.attrib["path"],
        physical_path="" if folder is None else folder.get("physicalPath", ""),
        pool=element.get("applicationPool", DEFAULT_POOL),
    )


@dataclass
class Iis:
    """The web server of a machine. ``stopped``: the sites that do not run."""

    config: str
    stopped: set[str] = field(default_factory=set)
    path: str = CONFIGURATION_PATH

    @classmethod
    def with_sites(cls, *sites: Site) -> Iis:
        """Return an IIS with these sites, all started."""
        return cls(render_configuration(sites))

    def sites(self) -> tuple[Site, ...]:
        """Return the sites. Raises LeafError if the configuration is damaged."""
        return parse_configuration(self.config)

    def runs(self, site: str) -> bool:
        """Tell whether a site is started."""
        return site not in self.stopped

    def site(self, name: str) -> Site:
        """Return a site by name. Raises LeafError if there is none."""
        for site in self.sites():
            if site.name.lower() == name.lower():
                return site
        raise LeafError(f"there is no site {name!r}", hresult=_NO_OBJECT)

    def add(self, name: str, path: str, binding: Binding) -> None:
        """Add a site with one binding; it does not run yet."""
        sites = self.sites()
        free = max((site.id for site in sites), default=0) + 1
        self.config = render_configuration((*sites, Site(name, free, (binding,), (Application("/", path),))))
        self.stopped.add(name)

    def change(self, changed: Site) -> None:
        """Replace the site of that name."""
        self.config = render_configuration(
            tuple(changed if site.name == changed.name else site for site in self.sites())
        )

    def add_binding(self, name: str, binding: Binding) -> None:
        """Add a binding to a site."""
        site = self.site(name)
        self.change(replace(site, bindings=(*site.bindings, binding)))

    def set_flags(self, name: str, protocol: str, information: str, ssl_flags: int) -> None:
        """Change the sslFlags of one binding."""
        site = self.site(name)
        changed = tuple(
            replace(one, ssl_flags=ssl_flags) if one.is_at(protocol, information) else one for one in site.bindings
        )
        self.change(replace(site, bindings=changed))

    def remove_binding(self, name: str, protocol: str, information: str) -> None:
        """Remove one binding."""
        site = self.site(name)
        kept = tuple(one for one in site.bindings if not one.is_at(protocol, information))
        self.change(replace(site, bindings=kept))

    def start(self, name: str) -> None:
        """Start a site. Raises LeafError where another running one has one of its bindings, as IIS does."""
        wanted = self.site(name)
        for other in self.sites():
            if other.name == wanted.name or not self.runs(other.name):
                continue
            for binding in wanted.bindings:
                if any(one.is_at(binding.protocol, binding.information) for one in other.bindings):
                    raise LeafError(
                        f"Cannot create a file when that file already exists: {binding.information} is in use "
                        f"by {other.name}",
                        kind="System.Runtime.InteropServices.COMException",
                        hresult=0x800700B7,
                    )
        self.stopped.discard(wanted.name)
