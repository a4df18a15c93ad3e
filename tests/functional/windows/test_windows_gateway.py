"""The vendor's gateway on Windows, layout ``smp-7``: the real command, a stand-in, and a real httpd under its service."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from cemops.lab.trust import LabAuthority
from cemops.lab.windows.birth_gateway import INSTALL_FOLDER, SERVICE
from cemops.lab.windows.certificate_stores import sid_of
from tests.functional.gateway_pki import TestAuthority, pem
from tests.functional.windows.gateway_site import (
    APACHE,
    FQDN,
    NS_FQDN,
    GatewaySite,
    gateway_site,
    shown,
    warnings_of,
)
from tests.functional.windows.windows_site import AGENT_PORT, only, thumbprint_of

pytestmark = pytest.mark.slow

CONF = rf"{APACHE}\conf\httpd.conf"
KEY = rf"{APACHE}\certs\server.key"
CLIENT = rf"{APACHE}\certs\client"
CRL = rf"{APACHE}\certs\crl"
OTHER_FOLDER = r"C:\Program Files\Symantec\SMP Internet Gateway"
ALSO_KNOWN = {"servers": [{"notification_server": "ns1", "also_known_as": ["smp"]}]}


@pytest.fixture
def site() -> Iterator[GatewaySite]:
    with gateway_site() as made:
        yield made


def applied(site: GatewaySite) -> str:
    """A gateway that serves as declared; its thumbprint."""
    site.start()
    done = site.apply()
    assert done.returncode == 0, shown(done)
    thumbprint = site.serving()
    assert thumbprint is not None
    return thumbprint


def in_sync(site: GatewaySite) -> bool:
    return all(host["status"] == "in-sync" for host in site.plan().values())


def list_another_name(site: GatewaySite) -> None:
    """Change the allow-list: an alias of ns1, which the machine resolves."""
    site.gateway.update(ALSO_KNOWN)
    site.write()


# --- apply ------------------------------------------------------------------------------------------------------


def test_an_installed_gateway_is_brought_to_what_is_declared_and_the_second_apply_does_nothing(
    site: GatewaySite,
) -> None:
    site.add_gateway()
    site.start()
    planned = site.plan()["gw3"]
    assert planned["status"] == "changes"
    assert (planned["round_trips"], planned["error"]) == (1, None)
    before = site.counts("gw3")["commands"]

    done = site.apply()

    assert done.returncode == 0, shown(done)
    assert "not-proven" not in shown(done)
    assert site.state_of_service() == "Running"
    # observed, locked, changed, verified, confirmed
    assert site.counts("gw3")["commands"] - before == 5
    assert in_sync(site)
    calls = (site.machines["gw3"].folder / "calls.log").read_text("utf-8")
    again = site.apply()
    assert again.returncode == 0
    assert "0 changed" in again.stdout or "Nothing to do" in again.stdout
    assert (site.machines["gw3"].folder / "calls.log").read_text("utf-8") == calls


def test_the_key_is_private_to_the_account_that_the_service_runs_as(site: GatewaySite) -> None:
    site.add_gateway()
    applied(site)
    machine = site.machine()
    key = machine.drive.place(KEY)
    assert key.stat().st_mode & 0o077 == 0
    assert machine.file_readers[KEY.lower()] == (sid_of(r"NT AUTHORITY\LocalService"),)
    assert site.files(rf"{INSTALL_FOLDER}\cemops\next") == ["access.log", "error.log", "rehearsal.conf", "server.crt"]
    record = site.folder / "seen.json"
    assert site.cemops("observe", "--out", str(record)).returncode == 0
    assert "PRIVATE KEY" not in record.read_text("utf-8")
    planned = site.cemops("plan", "--observed", str(record), "--detailed-exitcode")
    assert planned.returncode == 0, shown(planned)


def test_a_fitting_certificate_of_the_vendors_installer_is_kept_because_agents_pin_it(site: GatewaySite) -> None:
    certificate = LabAuthority("vendor").issue((FQDN,))
    site.add_gateway(certificate=certificate)
    assert applied(site) == thumbprint_of(certificate)
    assert "unrecorded-certificate" not in warnings_of(site.plan()["gw3"])
    assert in_sync(site)


def test_a_changed_allow_list_is_a_restart_that_the_plan_warns_of_and_the_certificate_stays(site: GatewaySite) -> None:
    site.add_gateway()
    thumbprint = applied(site)
    list_another_name(site)
    planned = site.plan()["gw3"]
    assert only(planned, "service")["action"] == "restart"
    assert "tunnels-drop" in warnings_of(planned)
    assert {change["resource"] for change in planned["changes"]} == {"file", "service"}

    done = site.apply()

    assert done.returncode == 1  # the machine does not resolve the name yet (IG-13)
    assert "smp does not resolve" in shown(done)
    site.resolve("smp")
    done = site.apply()
    assert done.returncode == 0, shown(done)
    assert site.serving() == thumbprint
    assert b"^smp:4726$" in (site.file(CONF) or b"")
    assert in_sync(site)


def test_a_ca_that_somebody_put_beside_and_an_edited_configuration_are_mended(site: GatewaySite) -> None:
    site.add_gateway()
    applied(site)
    site.write_file(rf"{CLIENT}\stranger.cer", pem(TestAuthority("Stranger").certificate).encode())
    site.write_file(rf"{CLIENT}\readme.txt", b"notes")
    site.write_file(CONF, (site.file(CONF) or b"") + b"Timeout 1\n")
    planned = site.plan()["gw3"]
    actions = {change["name"]: change["action"] for change in planned["changes"]}
    assert actions[r"certs\client\stranger.cer"] == "delete"
    assert "agents-cut-off" in warnings_of(planned)
    assert "Stranger" in planned["cut_off"][0]

    assert site.apply().returncode == 3
    done = site.apply("--accept-lockout", "1")

    assert done.returncode == 0, shown(done)
    assert b"Timeout 1\n" not in (site.file(CONF) or b"")
    assert "stranger.cer" not in site.files(CLIENT)
    assert "readme.txt" in site.files(CLIENT)
    assert in_sync(site)


# --- agents -----------------------------------------------------------------------------------------------------


def test_a_revoked_agent_is_let_in_until_its_crl_is_there_and_an_expired_crl_is_refused(site: GatewaySite) -> None:
    root = TestAuthority("NS1 Root")
    agent, revoked = root.issue("agent"), root.issue("revoked")
    target = f"{NS_FQDN}:{AGENT_PORT}"
    site.declare_external_root(root, root.crl(until=timedelta(days=30)), agent)
    site.add_gateway()
    applied(site)
    assert site.agent_gets(agent, target) == 200
    assert site.agent_gets(agent, f"{NS_FQDN}:{AGENT_PORT}0") == 403
    assert site.agent_gets(revoked, target) == 200
    assert site.agent_gets(TestAuthority("Other").issue("stranger"), target) is None
    served = site.file(rf"{CRL}\ns1-root.crl")

    (site.folder / "ns1-root.crl").write_text(root.crl([revoked], until=timedelta(days=-1)), "ascii")
    refused = site.apply()
    assert refused.returncode == 1
    assert "the CRL of authority ns1-root expired" in shown(refused)
    assert site.file(rf"{CRL}\ns1-root.crl") == served
    assert site.agent_gets(agent, target) == 200

    (site.folder / "ns1-root.crl").write_text(root.crl([revoked], until=timedelta(days=60)), "ascii")
    done = site.apply()
    assert done.returncode == 0, shown(done)
    assert site.agent_gets(revoked, target) is None
    assert site.agent_gets(agent, target) == 200
    names = site.files(CRL)
    assert len(names) == 2
    assert {site.file(rf"{CRL}\{name}") for name in names} == {(site.folder / "ns1-root.crl").read_bytes()}


# --- what goes wrong --------------------------------------------------------------------------------------------


def test_a_configuration_with_which_httpd_does_not_start_is_found_before_anything_is_touched(site: GatewaySite) -> None:
    site.add_gateway()
    thumbprint = applied(site)
    conf = site.file(CONF)
    site.gateway["fips"] = True  # this machine's OpenSSL has no FIPS provider; httpd -t does not mind (ENGINEERING 5)
    site.write()

    done = site.apply()

    assert done.returncode == 1
    assert "nothing that serves was touched" in shown(done)
    assert "httpd" in shown(done)
    assert site.file(CONF) == conf
    assert (site.serving(), site.machine().dead_men) == (thumbprint, [])


@pytest.mark.parametrize("call", [f"Write-File {CONF}", f"Stop-Service {SERVICE}", f"Start-Service {SERVICE}"])
def test_a_machine_that_loses_its_power_goes_back_by_itself_and_the_next_apply_converges(
    site: GatewaySite, call: str
) -> None:
    site.add_gateway()
    thumbprint = applied(site)
    conf = site.file(CONF)
    site.resolve("smp")
    list_another_name(site)
    site.faults("gw3", dies=[call])

    failed = site.apply()

    assert failed.returncode == 1, shown(failed)
    site.faults("gw3")
    assert [man.fired for man in site.machine().dead_men] == [False]
    site.let_dead_men_act()
    site.start()
    assert site.eventually(lambda: site.file(CONF) == conf and site.serving() == thumbprint)
    done = site.apply()
    assert done.returncode == 0, shown(done)
    assert site.file(CONF) != conf
    assert (in_sync(site), site.serving()) == (True, thumbprint)


def test_a_change_that_was_cut_off_before_its_confirmation_is_confirmed_by_the_next_apply_if_it_works(
    site: GatewaySite,
) -> None:
    site.add_gateway()
    thumbprint = applied(site)
    site.resolve("smp")
    list_another_name(site)
    site.faults("gw3", dies=["Unregister-DeadMan"])
    assert site.apply().returncode == 1
    site.faults("gw3")
    site.start()
    assert "pending-switch" in warnings_of(site.plan()["gw3"])

    done = site.apply()

    assert done.returncode == 0, shown(done)
    assert "the unconfirmed change was confirmed" in shown(done)
    assert b"^smp:4726$" in (site.file(CONF) or b"")
    assert (site.serving(), site.machine().dead_men, in_sync(site)) == (thumbprint, [], True)


def test_a_gateway_that_cannot_be_dialled_from_outside_is_not_touched(site: GatewaySite) -> None:
    site.add_gateway()
    applied(site)
    conf = site.file(CONF)
    site.resolve("smp")
    site.gateway["public_address"] = f"{site.network}.200"
    list_another_name(site)

    done = site.apply()

    assert done.returncode == 1
    assert "cannot be dialled from here" in shown(done)
    assert "nothing was touched" in shown(done)
    assert site.file(CONF) == conf


def test_a_key_of_another_certificate_is_seen_by_its_hash_and_replaced(site: GatewaySite) -> None:
    site.add_gateway()
    thumbprint = applied(site)
    key = site.file(KEY)
    site.write_file(KEY, LabAuthority("other").issue((FQDN,)).key)
    planned = site.plan()["gw3"]
    assert "its key on the gateway is missing or another certificate's" in only(planned, "certificate")["reason"]
    assert planned["cut_off"] == []

    done = site.apply()

    assert done.returncode == 0, shown(done)
    assert (site.file(KEY), site.serving()) == (key, thumbprint)
    assert site.machine().drive.place(KEY).stat().st_mode & 0o077 == 0


def test_a_service_that_does_not_start_again_is_put_back_at_once(site: GatewaySite) -> None:
    site.add_gateway()
    thumbprint = applied(site)
    conf = site.file(CONF)
    site.resolve("smp")
    list_another_name(site)
    site.faults("gw3", ignores=["Stop-Service"])

    done = site.apply()

    assert done.returncode == 1
    assert "service.restart" in shown(done)
    assert site.file(CONF) == conf
    assert site.serving() == thumbprint


def test_a_gateway_that_fails_its_check_from_outside_goes_back_and_the_next_one_is_left_alone(
    site: GatewaySite,
) -> None:
    site.add_gateway()
    site.add_gateway("gw4")
    thumbprint = applied(site)
    conf, other = site.file(CONF), site.file(CONF, "gw4")
    for name in ("gw3", "gw4"):
        site.resolve("smp", name)
    for gateway in site.estate["gateways"]:
        gateway.update(ALSO_KNOWN)
    site.gateway["public_address"] = site.impostor()  # somebody else answers there
    site.write()

    done = site.apply()

    assert done.returncode == 1
    assert "what served before was put back" in shown(done)
    assert "left alone, because gw3 failed" in shown(done)
    assert (site.file(CONF), site.file(CONF, "gw4")) == (conf, other)
    assert site.serving() == thumbprint
    assert site.machine().dead_men == []


def test_a_gateway_in_the_other_program_files_is_named_with_both_folders(site: GatewaySite) -> None:
    site.add_gateway(root=OTHER_FOLDER)
    site.start()
    planned = site.plan()["gw3"]
    assert planned["status"] == "error"
    assert OTHER_FOLDER in planned["error"]
    assert INSTALL_FOLDER in planned["error"]
    assert site.apply().returncode == 1


def test_a_gateway_of_7_declared_as_8_is_said_to_be_one_of_7(site: GatewaySite) -> None:
    site.add_gateway(layout="smp-8")
    site.start()
    assert "layout smp-7, not of smp-8" in site.plan()["gw3"]["error"]
