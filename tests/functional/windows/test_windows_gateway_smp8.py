"""Layout ``smp-8``: client CAs and CRLs are cemops's, all else is the gateway's manager's and a worksheet for its operator.

What stands for the vendor's program is a real httpd with settings that cemops neither knows nor reads (IG-15).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from cemops.lab.trust import LabAuthority, ServerCertificate
from cemops.lab.windows import birth
from cemops.lab.windows.birth_gateway import INSTALL_FOLDER, SERVICE, smp7_gateway
from cemops.lab.windows.machine_model import Machine, Service
from cemops.planning.sizing import gateway_sizing
from cemops.rendering.gateway_httpd import HttpdInputs, WindowsFolders, render_httpd_conf
from tests.functional.gateway_httpd import Listed, replaced
from tests.functional.gateway_pki import Issued, TestAuthority, pem
from tests.functional.windows.gateway_site import FQDN, NS_FQDN, PORT, GatewaySite, gateway_site, shown, warnings_of
from tests.functional.windows.windows_site import AGENT_PORT, thumbprint_of

pytestmark = pytest.mark.slow

SETTINGS = rf"{INSTALL_FOLDER}\Settings\gateway.settings"
CLIENT = rf"{INSTALL_FOLDER}\certs\client"
CRL = rf"{INSTALL_FOLDER}\certs\crl"
SLASHED = INSTALL_FOLDER.replace("\\", "/")
TARGET = f"{NS_FQDN}:{AGENT_PORT}"


@pytest.fixture
def site() -> Iterator[GatewaySite]:
    with gateway_site() as made:
        yield made


def settings(address: str, *hosts: str) -> bytes:
    """What the manager of this stand-in writes when its operator has worked through the worksheet."""
    certs = f"{SLASHED}/certs"
    text = render_httpd_conf(
        HttpdInputs(
            modules_dir="modules",
            fqdn=FQDN,
            listen=((address, PORT),),
            tls=("1.2", "1.3"),
            targets=[Listed(host, AGENT_PORT) for host in hosts],
            sizing=gateway_sizing(20, "windows"),
            root=SLASHED,
            release_dir="",
            certificate=f"{certs}/server.pem",
            key=f"{certs}/server.pem",
            has_crl=True,
            every_ca_has_crl=True,
            pid_file=f"{SLASHED}/logs/gateway.pid",
            windows=WindowsFolders(f"{certs}/client", f"{certs}/crl"),
        )
    )
    text = replaced(text, f'CACertificatePath "{certs}/client"', f'CACertificateFile "{certs}/client/ns1.cer"')
    return replaced(text, f'CARevocationPath "{certs}/crl"', f'CARevocationFile "{certs}/crl/ns1.crl"').encode()


def add_gateway(site: GatewaySite, served: Served, *listed: str) -> None:
    """A gateway of 8.x that is set up and serves; its manager has put the CA and an old CRL there."""

    def making(born: birth.Newborn) -> Machine:
        machine = smp7_gateway(born)
        drive = machine.drive
        drive.remove(rf"{INSTALL_FOLDER}\Apache\conf\httpd.conf")
        drive.place(rf"{INSTALL_FOLDER}\Apache\conf").rmdir()
        for folder in (CLIENT, CRL, rf"{INSTALL_FOLDER}\Settings", rf"{INSTALL_FOLDER}\logs"):
            drive.make_folder(folder, private=False)
        drive.write(rf"{INSTALL_FOLDER}\certs\server.pfx", b"what only the manager can read", private=True)
        both = served.certificate.certificate + served.certificate.key
        drive.write(rf"{INSTALL_FOLDER}\certs\server.pem", both, private=True)
        drive.write(rf"{CLIENT}\ns1.cer", pem(served.root.certificate).encode(), private=False)
        drive.write(rf"{CRL}\ns1.crl", served.old_crl.encode(), private=False)
        drive.write(rf"{SETTINGS}", settings(born.address, *listed), private=False)
        program = rf'"{INSTALL_FOLDER}\bin\Gateway.exe"'
        machine.services[SERVICE] = Service("Running", "Automatic", r"NT AUTHORITY\LocalService", program)
        return machine

    site.add_gateway(making=making, configuration=SETTINGS, layout="smp-8")


@dataclass(frozen=True)
class Served:
    """What the gateway has from its manager: ns1's root with the CRL of yesterday, and a certificate."""

    root: TestAuthority
    old_crl: str
    certificate: ServerCertificate
    agent: Issued
    revoked: Issued


def served_by(site: GatewaySite) -> Served:
    """Declare ns1's root, with a CRL that is newer than what the gateway has."""
    root = TestAuthority("NS1 Root")
    agent, revoked = root.issue("agent"), root.issue("revoked")
    served = Served(root, root.crl(until=timedelta(days=20)), LabAuthority("vendor").issue((FQDN,)), agent, revoked)
    site.declare_external_root(root, root.crl([revoked], until=timedelta(days=60)), agent)
    return served


def test_a_new_crl_takes_the_place_of_the_old_one_and_the_rest_is_the_operators(site: GatewaySite) -> None:
    served = served_by(site)
    add_gateway(site, served, NS_FQDN)
    site.start()
    assert site.eventually(lambda: site.serving() == thumbprint_of(served.certificate))
    assert site.agent_gets(served.revoked, TARGET) == 200
    planned = site.plan()["gw3"]
    actions = {change["name"]: change["action"] for change in planned["changes"]}
    assert actions == {r"certs\crl\ns1.crl": "update", SERVICE: "restart", "worksheet": "operator"}
    assert "tunnels-drop" in warnings_of(planned)

    done = site.apply()

    assert done.returncode == 0, shown(done)
    assert (site.agent_gets(served.revoked, TARGET), site.agent_gets(served.agent, TARGET)) == (None, 200)
    assert site.files(CRL) == ["ns1.crl"]
    after = site.plan()["gw3"]
    assert (after["status"], [change["action"] for change in after["changes"]]) == ("in-sync", ["operator"])


def test_a_list_that_the_operator_has_not_entered_yet_does_not_hold_up_a_crl(site: GatewaySite) -> None:
    served = served_by(site)
    add_gateway(site, served, "another.test.example")
    site.start()
    assert site.eventually(lambda: site.agent_gets(served.agent, TARGET) == 403)

    done = site.apply()

    gets = site.agent_gets(served.revoked, TARGET), site.agent_gets(served.agent, TARGET)
    assert gets == (None, 403), shown(done)
    assert site.state_of_service() == "Running"
    assert "was put back" not in shown(done)


def test_a_crl_with_which_the_gateway_no_longer_lets_its_agents_in_is_put_back(site: GatewaySite) -> None:
    served = served_by(site)
    add_gateway(site, served, NS_FQDN)
    site.start()
    assert site.eventually(lambda: site.agent_gets(served.agent, TARGET) == 200)
    old = site.file(rf"{CRL}\ns1.crl")
    (site.folder / "ns1-root.crl").write_text(served.root.crl([served.agent], until=timedelta(days=60)), "ascii")

    done = site.apply()

    assert done.returncode == 1
    assert "what served before was put back" in shown(done)
    assert site.file(rf"{CRL}\ns1.crl") == old
    assert site.agent_gets(served.agent, TARGET) == 200
