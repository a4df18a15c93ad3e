"""Backups of the vendor's gateway on Windows (IG-11), and gateways that are restored from them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cemops.lab.trust import LabAuthority
from cemops.lab.windows import birth
from cemops.lab.windows.birth_gateway import INSTALL_FOLDER, smp7_gateway
from cemops.lab.windows.machine_file import save_machine
from tests.functional.gateway_pki import TestAuthority, pem
from tests.functional.windows.gateway_site import APACHE, FQDN, NS_FQDN, GatewaySite, gateway_site, shown
from tests.functional.windows.test_windows_gateway_smp8 import CLIENT, CRL, TARGET, add_gateway, served_by
from tests.functional.windows.windows_site import AGENT_PORT, thumbprint_of

pytestmark = pytest.mark.slow

KEY = rf"{APACHE}\certs\server.key"
CONF = rf"{APACHE}\conf\httpd.conf"


@pytest.fixture
def site() -> Iterator[GatewaySite]:
    with gateway_site() as made:
        yield made


def backups(site: GatewaySite) -> list[Path]:
    """The backups of gw3, the oldest first."""
    return sorted((site.folder / ".cemops" / "backups" / "gw3").glob("*.backup"))


def test_a_gateway_is_backed_up_while_it_serves_before_each_change_and_its_key_is_seen_nowhere(
    site: GatewaySite,
) -> None:
    certificate = LabAuthority("vendor").issue((FQDN,))
    site.add_gateway(certificate=certificate)
    site.start()
    done = site.apply()
    assert done.returncode == 0, shown(done)
    assert "nothing was backed up: no authority of agents is on it" in shown(done), "what the installer made"
    site.gateway["tls"] = ["1.3"]
    site.write()
    done = site.apply()
    assert done.returncode == 0, shown(done)
    assert shown(done).index("back up what serves") < shown(done).index("dial from outside")
    (first,) = backups(site)
    before, calls = site.counts("gw3")["commands"], site.calls("gw3")

    said = site.cemops("gateway", "backup", "--format", "json")

    assert said.returncode == 0, shown(said)
    assert site.counts("gw3")["commands"] - before == 1
    assert site.calls("gw3") == calls
    (made,) = json.loads(said.stdout)["backups"]
    assert (made["gateway"], made["result"], made["release"]) == ("gw3", "made", None)
    assert made["thumbprint"] == thumbprint_of(certificate) == site.serving()
    assert backups(site) == [first, Path(made["file"])]
    body = (site.file(KEY) or b"").splitlines()[3].decode()
    held = Path(made["file"]).read_bytes()
    assert Path(made["file"]).stat().st_mode & 0o777 == 0o600
    assert b'"layout": "smp-7"' in held.split(b"\n", 2)[1]
    assert body not in shown(said)
    seen = [
        path for path in site.folder.rglob("*") if path.is_file() and site.machines["gw3"].folder not in path.parents
    ]
    assert not [path for path in seen if body.encode() in path.read_bytes()]


def test_a_gateway_that_cannot_be_backed_up_is_left_alone(site: GatewaySite) -> None:
    root = TestAuthority("NS1 Root")
    site.declare_external_root(root, root.crl(until=timedelta(days=30)), root.issue("agent"))
    site.add_gateway(certificate=LabAuthority("vendor").issue((FQDN,)))
    site.write_file(rf"{APACHE}\certs\client\ns1-root.cer", pem(root.certificate).encode())
    site.write_file(rf"{APACHE}\certs\server.key", LabAuthority("other").issue((FQDN,)).key)
    site.start()
    conf = site.file(CONF)

    said = site.apply()

    assert said.returncode == 1, shown(said)
    assert "gw3 could not be backed up, so nothing was touched" in shown(said)
    assert "does not belong to the certificate there" in shown(said)
    assert (site.file(CONF), site.machine().dead_men) == (conf, [])
    assert not site.files(rf"{INSTALL_FOLDER}\cemops\before")
    alone = site.cemops("gateway", "backup")
    assert alone.returncode == 1
    assert backups(site) == []


# --- restore ----------------------------------------------------------------------------------------------------


def burn(site: GatewaySite) -> None:
    """A new machine at the same address, with what the vendor's installer lays down, and another certificate."""
    site.stop("gw3")
    machine = site.machines["gw3"]
    names = site.machine().names
    shutil.rmtree(site.machine().drive.place(INSTALL_FOLDER))
    born = birth.Newborn(machine.folder, "gw3", FQDN, machine.address, names)
    save_machine(smp7_gateway(born, LabAuthority("vendor again").issue((FQDN,))))
    site.start()


def test_a_gateway_that_burnt_down_comes_back_and_agents_that_pinned_it_connect(site: GatewaySite) -> None:
    root = TestAuthority("NS1 Root")
    agent, revoked = root.issue("agent"), root.issue("revoked")
    target = f"{NS_FQDN}:{AGENT_PORT}"
    site.declare_external_root(root, root.crl([revoked], until=timedelta(days=30)), agent)
    site.add_gateway()
    site.start()
    assert site.apply().returncode == 0
    pinned, key, conf = site.serving(), site.file(KEY), site.file(CONF)
    assert site.cemops("gateway", "backup").returncode == 0
    burn(site)
    assert site.agent_gets(agent, target) is None
    lost = (site.folder / "pki" / "gateways").rename(site.folder / "lost")

    refused = site.cemops("gateway", "restore", "gw3", "--yes")
    assert refused.returncode == 3, "what the installer made would no longer be served"
    done = site.cemops("gateway", "restore", "gw3", "--yes", "--accept-lockout", "1")

    assert done.returncode == 0, shown(done)
    assert (site.serving(), site.file(KEY), site.file(CONF)) == (pinned, key, conf)
    assert site.agent_gets(agent, target) == 200
    assert site.agent_gets(revoked, target) is None
    assert site.machine().drive.place(KEY).stat().st_mode & 0o077 == 0
    again = site.cemops("gateway", "restore", "gw3", "--yes")
    assert again.returncode == 0, shown(again)
    assert "Nothing to do" in again.stdout
    shutil.rmtree(site.folder / "pki" / "gateways")
    lost.rename(site.folder / "pki" / "gateways")
    planned = site.plan()["gw3"]
    assert planned["status"] == "in-sync", planned


def test_of_a_gateway_of_8_every_file_is_kept_cas_and_crls_are_restored_and_the_rest_is_unpacked(
    site: GatewaySite,
) -> None:
    served = served_by(site)
    add_gateway(site, served, NS_FQDN)
    settings = rf"{INSTALL_FOLDER}\Settings\profiles"
    site.machine().drive.make_folder(settings, private=False)
    site.write_file(rf"{settings}\default.settings", b"\x00\xff")
    site.start()
    done = site.apply()
    assert done.returncode == 0, shown(done)
    assert "gw3: backed up to" in shown(done)
    before = site.counts("gw3")["commands"]
    said = site.cemops("gateway", "backup", "--format", "json")
    assert said.returncode == 0, shown(said)
    assert site.counts("gw3")["commands"] - before == 2, "one, and one for the folder below Settings"
    (made,) = json.loads(said.stdout)["backups"]
    assert made["thumbprint"] == thumbprint_of(served.certificate)
    ca, crl = site.file(rf"{CLIENT}\ns1.cer"), site.file(rf"{CRL}\ns1.crl")
    site.write_file(rf"{CRL}\ns1.crl", served.old_crl.encode())

    restored = site.cemops("gateway", "restore", "gw3", "--yes", "--from", made["file"])

    assert restored.returncode == 0, shown(restored)
    assert (site.files(CLIENT), site.file(rf"{CLIENT}\ns1.cer")) == (["ns1.cer"], ca)
    assert (site.files(CRL), site.file(rf"{CRL}\ns1.crl")) == (["ns1.crl"], crl)
    assert (site.agent_gets(served.revoked, TARGET), site.agent_gets(served.agent, TARGET)) == (None, 200)
    assert (
        r"left as they are, because they are the gateway's manager's own: certs\server.pem, certs\server.pfx"
        in shown(restored)
    )
    alone = site.cemops("gateway", "restore", "gw3", "--yes", "--parts", "certificates,configuration")
    assert alone.returncode == 1
    assert "unpack them with --extract DIR" in shown(alone)
    folder = site.folder / "unpacked"
    unpacked = site.cemops("gateway", "restore", "gw3", "--from", made["file"], "--extract", str(folder))
    assert unpacked.returncode == 0, shown(unpacked)
    assert (folder / "Settings" / "profiles" / "default.settings").read_bytes() == b"\x00\xff"
    assert (folder / "certs" / "server.pfx").read_bytes() == site.file(rf"{INSTALL_FOLDER}\certs\server.pfx")
    assert {path.stat().st_mode & 0o077 for path in folder.rglob("*")} == {0}
    twice = site.cemops("gateway", "restore", "gw3", "--extract", str(folder))
    assert twice.returncode == 1
    assert "is not empty" in shown(twice)
