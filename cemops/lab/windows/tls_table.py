"""What a stand-in serves by TLS: what IIS binds, with the certificates that http.sys names for it.

The two layers are kept apart, as on Windows: a binding opens the port of a started site, and the certificate that a
client sees is whatever http.sys holds for the name it asks for or for the endpoint, in that order. So a wrong or an
orphaned entry serves the wrong certificate, and a missing one none.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from cemops.lab.windows.certificate_stores import StoredCertificate
from cemops.lab.windows.http_sys import SslCert, ssl_certs
from cemops.lab.windows.iis_model import Binding
from cemops.lab.windows.leaf_error import LeafError
from cemops.lab.windows.machine_model import Machine
from cemops.lab.windows.tls_listeners import ServedCertificate, TlsTable

_ANY = ("*", "0.0.0.0")  # noqa: S104  # how IIS and http.sys write "all addresses"; nothing listens there
_CENTRAL_STORE = 2
_MAX_CHAIN = 8


def _https_port(binding: Binding, own: str) -> int | None:
    """Return the port of an HTTPS binding that the machine's address takes part in; None for any other."""
    rest, _, _host = binding.information.rpartition(":")
    address, _, port = rest.rpartition(":")
    if binding.protocol.lower() != "https" or binding.ssl_flags & _CENTRAL_STORE or not port.isdecimal():
        return None
    return int(port) if address in {*_ANY, own} else None


def _open_ports(machine: Machine) -> set[int]:
    iis = machine.iis
    if iis is None:
        return set()
    try:
        sites = iis.sites()
    except LeafError:
        return set()  # a damaged configuration: IIS serves nothing
    own = machine.identity.address
    found = {_https_port(binding, own) for site in sites if iis.runs(site.name) for binding in site.bindings}
    return {port for port in found if port is not None}


def _chain(machine: Machine, held: StoredCertificate) -> bytes:
    """Return the certificate and the intermediates that the store CA has for it, as Windows sends them."""
    known = [x509.load_der_x509_certificate(one.der) for one in machine.certificates.content("CA")]
    chain = [x509.load_der_x509_certificate(held.der)]
    while len(chain) < _MAX_CHAIN:
        issuer = next((one for one in known if one.subject == chain[-1].issuer and one.subject != one.issuer), None)
        if issuer is None or issuer in chain:
            break
        chain.append(issuer)
    return b"".join(one.public_bytes(Encoding.PEM) for one in chain)


def _served(machine: Machine, host: str | None, entry: SslCert | None) -> tuple[ServedCertificate, ...]:
    """Return what an entry serves; nothing where its certificate, or the key of it, is not in the store it names."""
    if entry is None or not entry.thumbprint:
        return ()
    store = entry.store or "My"
    certificates = machine.certificates
    held = certificates.find(store, entry.thumbprint) if certificates.has(store) else None
    if held is None or held.key is None:
        return ()
    return (ServedCertificate(host, _chain(machine, held), held.key),)


def tls_table(machine: Machine) -> TlsTable:
    """Return every port that is open for TLS, and whose certificate it shows; no certificate: it refuses."""
    entries = ssl_certs(machine.registry)
    own = machine.identity.address

    def at(endpoint: str) -> SslCert | None:
        return next((one for one in entries if one.is_at("ipport", endpoint)), None)

    table: dict[str, tuple[ServedCertificate, ...]] = {}
    for port in sorted(_open_ports(machine)):
        by_name = [one for one in entries if one.kind == "hostnameport" and one.endpoint.endswith(f":{port}")]
        table[f"{own}:{port}"] = (
            *(shown for one in by_name for shown in _served(machine, one.endpoint.rpartition(":")[0].lower(), one)),
            *_served(machine, None, at(f"{own}:{port}") or at(f"0.0.0.0:{port}")),
        )
    return table
