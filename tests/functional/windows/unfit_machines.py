"""Site servers of one estate, each unfit in its own way, and what mends it; declared with a PFX where that is the fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cemops.lab.folder import write_file
from cemops.lab.trust import ServerCertificate
from cemops.lab.windows import birth
from cemops.lab.windows.iis_model import Iis, Site
from cemops.lab.windows.machine_file import load_machine, save_machine
from cemops.lab.windows.machine_model import Machine
from cemops.lab.windows.wsman_behaviour import Behaviour
from tests.functional.windows.windows_site import CEM_PORT, WindowsSite

PFX_PASSWORD = "canary=pfx%password;c2d9"
OTHER_PASSWORD = "canary|another$password`11ab"

Changing = Callable[[Machine], None]


@dataclass(frozen=True)
class Unfit:
    """One machine: what is wrong with it, what the plan has to say (each text), and how it is mended."""

    name: str
    says: tuple[str, ...]
    spoil: Callable[[WindowsSite, str], None]
    mend: Callable[[WindowsSite, str], None]
    status: str = "error"


def nothing(site: WindowsSite, name: str) -> None:
    del site, name


def entry(site: WindowsSite, name: str) -> dict[str, Any]:
    """Return what the estate says of a site server."""
    found: dict[str, Any] = next(one for one in site.estate["site_servers"] if one["name"] == name)
    return found


def _identity(value: Mapping[str, str]) -> Callable[[WindowsSite, str], None]:
    def change(site: WindowsSite, name: str) -> None:
        entry(site, name)["connection"]["server_certificate"] = dict(value)

    return change


def _right_identity(site: WindowsSite, name: str) -> None:
    entry(site, name)["connection"] = site.connection(name)


def _on_machine(change: Changing) -> Callable[[WindowsSite, str], None]:
    def apply(site: WindowsSite, name: str) -> None:
        machine = load_machine(site.machines[name].folder)
        change(machine)
        save_machine(machine)

    return apply


def _as_born(site: WindowsSite, name: str) -> None:
    old = site.machines[name]
    save_machine(birth.site_server(birth.Newborn(old.folder, name, f"{name}.corp.test.example", old.address, {})))


def _unknown_authority(site: WindowsSite, name: str) -> None:
    write_file(site.folder / "other-ca.pem", site.old_authority.pem, 0o644)
    entry(site, name)["connection"]["server_certificate"] = {"ca_file": "other-ca.pem"}


def _another_password(site: WindowsSite, name: str) -> None:
    site.endpoint(name, password=OTHER_PASSWORD)


def _usual_endpoint(site: WindowsSite, name: str) -> None:
    site.stop(name)
    site.endpoint(name)


def _no_rights(machine: Machine) -> None:
    machine.identity = replace(machine.identity, elevated=False)


def _no_iis(machine: Machine) -> None:
    machine.iis = None


def _damaged(machine: Machine) -> None:
    assert machine.iis is not None
    machine.iis.config = machine.iis.config[:400]


def _late(machine: Machine) -> None:
    machine.clock_offset_ms = -601_000


def _locked(site: WindowsSite, name: str) -> None:
    site.faults(name, iis_locked="The process cannot access the file because it is being used by another process.")


def _unlocked(site: WindowsSite, name: str) -> None:
    site.faults(name)


def _dribbling(site: WindowsSite, name: str) -> None:
    site.endpoint(name, behaviour=Behaviour(piece=4096))


def _port_of_another(machine: Machine) -> None:
    assert machine.iis is not None
    machine.iis = Iis.with_sites(*machine.iis.sites(), Site("Other", 9, (birth.https_binding(CEM_PORT),)))


def _certificate(site: WindowsSite, name: str) -> ServerCertificate:
    return site.old_certificate(f"{name}.corp.test.example")


def _parts(one: ServerCertificate) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    key = load_pem_private_key(one.key, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return x509.load_pem_x509_certificate(one.certificate), key


def _declare_pfx(site: WindowsSite, name: str, content: bytes, password: str = PFX_PASSWORD) -> None:
    write_file(site.folder / f"{name}.pfx", content, 0o600)
    write_file(site.folder / f"{name}.password", f"{password}\n".encode(), 0o600)
    cem = entry(site, name)["overrides"]["web"]["cem"]
    cem["certificate"] = {"pfx": f"{name}.pfx", "password": f"file:{name}.password"}


def right_pfx(site: WindowsSite, name: str) -> None:
    """Declare a PFX that fits."""
    certificate, key = _parts(_certificate(site, name))
    encryption = BestAvailableEncryption(PFX_PASSWORD.encode())
    _declare_pfx(site, name, serialize_key_and_certificates(b"x", key, certificate, None, encryption))


def _pfx_with_another_password(site: WindowsSite, name: str) -> None:
    right_pfx(site, name)
    write_file(site.folder / f"{name}.password", f"{OTHER_PASSWORD}\n".encode(), 0o600)


def _pfx_without_key(site: WindowsSite, name: str) -> None:
    certificate, _ = _parts(_certificate(site, name))
    encryption = BestAvailableEncryption(PFX_PASSWORD.encode())
    _declare_pfx(site, name, serialize_key_and_certificates(b"x", None, certificate, None, encryption))


def _pfx_with_two(site: WindowsSite, name: str) -> None:
    certificate, key = _parts(_certificate(site, name))
    another, _ = _parts(_certificate(site, name))
    encryption = BestAvailableEncryption(PFX_PASSWORD.encode())
    _declare_pfx(site, name, serialize_key_and_certificates(b"x", key, certificate, [another], encryption))


def _pfx_with_ec_key(site: WindowsSite, name: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    fqdn = f"{name}.corp.test.example"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, fqdn)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=700))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(fqdn)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, SHA256())
    )
    encryption = BestAvailableEncryption(PFX_PASSWORD.encode())
    _declare_pfx(site, name, serialize_key_and_certificates(b"x", key, certificate, None, encryption))


UNFIT = (
    Unfit(
        "unknown-ca",
        ("other-ca.pem did not issue", "check ca_file"),
        _unknown_authority,
        _right_identity,
        "unreachable",
    ),
    Unfit(
        "another-certificate",
        ("is declared", "thumbprint"),
        _identity({"thumbprint": "A" * 64}),
        _right_identity,
        "unreachable",
    ),
    Unfit("wrong-password", ("refuses the logon of", "tried once"), _another_password, _usual_endpoint, "unreachable"),
    Unfit("down", ("refuses the connection", "check the port"), nothing, nothing, "unreachable"),
    Unfit("no-rights", ("is no administrator", "connect as one"), _on_machine(_no_rights), _as_born),
    Unfit("no-iis", ("IIS is not installed", "add the role"), _on_machine(_no_iis), _as_born),
    Unfit("damaged", ("applicationHost.config",), _on_machine(_damaged), _as_born),
    Unfit("locked", ("applicationHost.config",), _locked, _unlocked),
    Unfit("port-taken", ("port 4726 of cem is taken by", "take_port"), _on_machine(_port_of_another), _as_born),
    Unfit("pfx-password", ("pfx-password.pfx", "password"), _pfx_with_another_password, right_pfx),
    Unfit("pfx-no-key", ("pfx-no-key.pfx", "key"), _pfx_without_key, right_pfx),
    Unfit("pfx-two", ("pfx-two.pfx",), _pfx_with_two, right_pfx),
    Unfit("pfx-ec", ("RSA",), _pfx_with_ec_key, right_pfx),
)
"""What makes a host fail, alone."""

ODD = (
    Unfit("late", ("10 minutes",), _on_machine(_late), nothing, "changes"),
    Unfit("dribbles", (), _dribbling, nothing, "changes"),
    Unfit("good", (), nothing, nothing, "changes"),
)
"""What is managed all the same."""
