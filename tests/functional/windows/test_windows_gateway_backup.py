"""Backups of the vendor's gateway on Windows (IG-11), and gateways that are restored from them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cemops.lab.trust import LabAuthority
from cemops.lab.windows.birth_gateway import INSTALL_FOLDER
from tests.functional.windows.gateway_site import APACHE, FQDN, NS_FQDN, GatewaySite, gateway_site, shown
from tests.functional.windows.test_windows_gateway_smp8 import add_gateway, served_by
from tests.functional.windows.windows_site import thumbprint_of

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
    site.add_gateway(certificate=LabAuthority("vendor").issue((FQDN,)))
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


def test_of_a_gateway_of_8_every_file_is_kept_as_it_is(site: GatewaySite) -> None:
    served = served_by(site)
    add_gateway(site, served, NS_FQDN)
    site.machine().drive.make_folder(rf"{INSTALL_FOLDER}\Settings\profiles", private=False)
    site.write_file(rf"{INSTALL_FOLDER}\Settings\profiles\default.settings", b"\x00\xff")
    site.start()
    assert site.eventually(lambda: site.serving() == thumbprint_of(served.certificate))
    before = site.counts("gw3")["commands"]

    said = site.cemops("gateway", "backup", "--format", "json")

    assert said.returncode == 0, shown(said)
    assert site.counts("gw3")["commands"] - before == 2, "one, and one for the folder below Settings"
    (made,) = json.loads(said.stdout)["backups"]
    assert made["thumbprint"] == thumbprint_of(served.certificate)
    done = site.apply()
    assert done.returncode == 0, shown(done)
    assert "gw3: backed up to" in shown(done)
    assert len(backups(site)) == 2
