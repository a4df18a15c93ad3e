"""A Windows machine of the lab: what it keeps, what it serves, and what it does not know."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    load_pem_private_key,
    pkcs12,
)

from cemops.errors import CemopsError
from cemops.lab.trust import LabAuthority, ServerCertificate
from cemops.lab.windows.birth import Newborn, https_binding, name_for, notification_server, serve, site_server, stored
from cemops.lab.windows.certificate_stores import thumbprint_of
from cemops.lab.windows.command_line import CommandLine
from cemops.lab.windows.faults import FAULTS_FILE
from cemops.lab.windows.http_sys import SslCert, set_ssl_cert
from cemops.lab.windows.leaf_error import LeafError
from cemops.lab.windows.machine_file import MACHINE_FILE, load_machine, save_machine
from cemops.lab.windows.machine_model import Machine
from cemops.lab.windows.native_programs import NoPrograms
from cemops.lab.windows.stand_in import StandIn
from cemops.lab.windows.tls_table import tls_table
from cemops.payload.assembly import BOOTSTRAP_COMMAND, PAYLOAD, PayloadError, dead_man_script, framed, reply_of

FQDN = "ps1.corp.example"
ADDRESS = "127.0.0.9"
ROOT = LabAuthority("Former Root")
ONE, OTHER = ROOT.issue((FQDN,)), ROOT.issue((FQDN,))
COMMAND = CommandLine(BOOTSTRAP_COMMAND, skips_cmd=True)
PASSWORD = "a password"


def thumbprint(one: ServerCertificate) -> str:
    return stored(one).thumbprint


def pfx(one: ServerCertificate, *, with_key: bool = True) -> str:
    certificate = x509.load_pem_x509_certificate(one.certificate)
    key = load_pem_private_key(one.key, None)
    chain = [x509.load_pem_x509_certificate(ROOT.pem)]
    packed = pkcs12.serialize_key_and_certificates(
        b"ps1",
        key if with_key else None,  # type: ignore[arg-type]  # an RSA key, which is one of the kinds
        certificate,
        chain,
        BestAvailableEncryption(PASSWORD.encode()),
    )
    return base64.b64encode(packed).decode()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    born = site_server(Newborn(tmp_path, "ps1", FQDN, ADDRESS, {"ns1": ("127.0.0.8",)}), https_binding(4726))
    save_machine(born)
    return born


@pytest.fixture
def stand_in(machine: Machine) -> Iterator[StandIn]:
    running = StandIn.load(machine.folder)
    running.start()
    yield running
    running.stop()


def ask(stand_in: StandIn, request: object) -> Any:
    return reply_of(stand_in.run(COMMAND, framed(request)).stdout)


def apply(stand_in: StandIn, *actions: dict[str, Any]) -> list[dict[str, Any]]:
    numbered = [{"id": str(number), **action} for number, action in enumerate(actions)]
    found: list[dict[str, Any]] = ask(stand_in, {"verb": "apply", "actions": numbered})["actions"]
    return found


def importing(one: ServerCertificate, content: str, password: str = PASSWORD) -> dict[str, Any]:
    described = {"store": "My", "thumbprint": thumbprint(one), "pfx": content, "password": password}
    return {"op": "certificate.import_pfx", **described}


def binding(one: ServerCertificate, endpoint: str = "0.0.0.0:4726", kind: str = "ipport") -> dict[str, Any]:
    described = {"kind": kind, "endpoint": endpoint, "thumbprint": thumbprint(one), "store": "My", "appid": "{a}"}
    return {"op": "sslcert.set", **described}


def shown(machine: Machine, port: int = 4726) -> dict[str | None, str]:
    """Thumbprint by host name of what is served on a port."""
    return {
        one.host: thumbprint_of(x509.load_pem_x509_certificates(one.certificate)[0].public_bytes(Encoding.DER))
        for one in tls_table(machine)[f"{ADDRESS}:{port}"]
    }


# --- what it knows ----------------------------------------------------------------------------------------------


def test_another_command_is_not_run(stand_in: StandIn) -> None:
    done = stand_in.run(CommandLine("hostname", skips_cmd=False), b"")
    assert (done.stdout, done.exit_code) == (b"", 9009)
    assert b"stand-in knows only the bootstrap" in done.stderr
    assert not stand_in.knows(CommandLine(BOOTSTRAP_COMMAND + " ", skips_cmd=True))


def test_another_payload_is_refused(stand_in: StandIn) -> None:
    sent = framed({"verb": "state", "want": {}}, PAYLOAD + "\n")
    with pytest.raises(PayloadError, match="stand-in that knows only the payload of its own version"):
        reply_of(stand_in.run(COMMAND, sent).stdout)


@pytest.mark.parametrize("cut", [0, 40, 64, 65, 1000, -1])
def test_input_that_is_cut_is_refused(stand_in: StandIn, cut: int) -> None:
    sent = framed({"verb": "state", "want": {}})
    with pytest.raises(PayloadError, match="stdin"):
        reply_of(stand_in.run(COMMAND, sent[:cut]).stdout)


def test_a_state_tells_both_layers_and_the_stores(stand_in: StandIn) -> None:
    tables = "HKLM:\\SYSTEM\\CurrentControlSet\\Services\\HTTP\\Parameters\\SslBindingInfo"
    assert [one["state"] for one in apply(stand_in, importing(ONE, pfx(ONE)), binding(ONE))] == ["done"] * 2
    state = ask(
        stand_in,
        {
            "verb": "state",
            "want": {"registry": [{"path": tables, "view": "64"}], "stores": ["My", "Gone"], "names": ["ns1", "x"]},
        },
    )
    values = state["registry"][0]["tree"]["keys"]["0.0.0.0:4726"]["values"]
    assert base64.b64decode(values["SslCertHash"]["data"]).hex().upper() == thumbprint(ONE)
    assert values["SslCertHash"]["kind"] == "Binary"
    assert values["AppId"] == {"kind": "String", "data": "{a}"}
    assert values["DefaultSslCertCheckMode"] == {"kind": "DWord", "data": 0}
    assert 'bindingInformation="*:4726:"' in state["iis"]["config"]
    (held,) = state["stores"]["My"]
    assert (held["has_private_key"], held["readers"]) == (True, ["S-1-5-18", "S-1-5-32-544"])
    assert state["stores"]["Gone"] is None
    assert state["names"] == {"ns1": ["127.0.0.8"], "x": []}


def test_a_name_that_somebody_adds_to_the_hosts_file_is_resolved_at_once(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.machine.hosts_file = tmp_path / "hosts-file"
    stand_in.machine.hosts_file.write_text("127.0.0.8 ns1.corp.example ns1\n", "utf-8")
    save_machine(stand_in.machine)
    stand_in.machine.hosts_file.write_text("127.0.0.8 ns1\n\n# ours\n127.0.0.9 Late # new\n", "utf-8")
    for machine in (stand_in.machine, load_machine(stand_in.machine.folder)):
        assert [machine.resolve(name) for name in ("late", "ns1", "ours")] == [("127.0.0.9",), ("127.0.0.8",), ()]


# --- certificates -----------------------------------------------------------------------------------------------


def test_a_pfx_needs_its_password_and_its_key(stand_in: StandIn) -> None:
    (wrong,) = apply(stand_in, importing(ONE, pfx(ONE), "another"))
    assert wrong["error"]["message"] == "The specified network password is not correct."
    assert wrong["error"]["hresult"] == "0x80070056"
    (empty,) = apply(stand_in, importing(ONE, pfx(ONE, with_key=False)))
    assert "holds 0 certificates with a private key" in empty["error"]["message"]
    (other,) = apply(stand_in, importing(OTHER, pfx(ONE)))
    assert "the PFX holds another" in other["error"]["message"]
    (junk,) = apply(stand_in, importing(OTHER, base64.b64encode(b"junk").decode()))
    assert junk["state"] == "failed"


def test_only_the_leaf_of_a_pfx_is_imported_and_a_second_time_nothing_is(stand_in: StandIn) -> None:
    assert [one["changed"] for one in apply(stand_in, importing(ONE, pfx(ONE)), importing(ONE, pfx(ONE)))] == [
        True,
        False,
    ]
    assert [one.thumbprint for one in stand_in.machine.certificates.content("My")] == [thumbprint(ONE)]
    assert stand_in.machine.certificates.content("Root") == []


def test_adding_a_certificate_never_takes_its_key_away(machine: Machine) -> None:
    machine.certificates.put("My", stored(ONE))
    machine.certificates.add("my", stored(ONE).der)
    found = machine.certificates.find("My", thumbprint(ONE))
    assert found is not None
    assert found.has_private_key


# --- what is served ---------------------------------------------------------------------------------------------


def test_a_binding_without_entry_is_open_and_shows_nothing(machine: Machine) -> None:
    assert dict(tls_table(machine)) == {f"{ADDRESS}:4726": ()}


def test_the_entry_decides_what_a_binding_shows(machine: Machine) -> None:
    serve(machine, 4726, ONE)
    assert shown(machine) == {None: thumbprint(ONE)}
    serve(machine, 4726, OTHER)
    assert shown(machine) == {None: thumbprint(OTHER)}


def test_an_entry_whose_certificate_or_key_is_gone_shows_nothing(machine: Machine) -> None:
    name_for(machine, 4726, stored(ONE))
    assert shown(machine) == {}
    machine.certificates.put("My", stored(ONE, with_key=False))
    assert shown(machine) == {}


def test_the_own_address_goes_before_all_addresses_and_host_names_before_both(machine: Machine) -> None:
    third = ROOT.issue(("other.example",))
    serve(machine, 4726, ONE)
    for kind, endpoint, one in (("ipport", f"{ADDRESS}:4726", OTHER), ("hostnameport", "Other.example:4726", third)):
        machine.certificates.put("My", stored(one))
        set_ssl_cert(machine.registry, SslCert(kind, endpoint, thumbprint(one)))
    assert shown(machine) == {None: thumbprint(OTHER), "other.example": thumbprint(third)}


def test_an_orphaned_entry_opens_no_port_and_a_stopped_site_closes_its_own(machine: Machine) -> None:
    serve(machine, 4727, ONE)
    assert set(tls_table(machine)) == {f"{ADDRESS}:4726"}
    assert machine.iis is not None
    machine.iis.stopped.add("Default Web Site")
    assert dict(tls_table(machine)) == {}


def test_a_damaged_configuration_serves_nothing_and_is_told_as_it_is(machine: Machine) -> None:
    assert machine.iis is not None
    machine.iis.config = "<configuration><broken"
    save_machine(machine)
    stand_in = StandIn.load(machine.folder)
    assert dict(stand_in.tls_table()) == {}
    assert ask(stand_in, {"verb": "state", "want": {}})["iis"]["config"] == "<configuration><broken"
    (failed,) = apply(stand_in, {"op": "iis.site_start", "site": "Default Web Site"})
    assert "not well-formed" in failed["error"]["message"]


def test_a_notification_server_is_born_with_a_console_that_serves_and_an_agent_site_that_does_not(
    tmp_path: Path,
) -> None:
    born = notification_server(Newborn(tmp_path, "ns1", "ns1.example", ADDRESS, {}), 44300, 4726, ONE)
    assert shown(born, 44300) == {None: thumbprint(ONE)}
    assert shown(born, 4726) == {}


# --- what it keeps ----------------------------------------------------------------------------------------------


def test_every_change_is_kept_and_told_and_nothing_else_is(stand_in: StandIn, machine: Machine) -> None:
    told: list[int] = []
    stand_in.on_change = lambda: told.append(1)
    ask(stand_in, {"verb": "state", "want": {}})
    assert told == []
    apply(stand_in, importing(ONE, pfx(ONE)), binding(ONE))
    assert told == [1]
    again = load_machine(machine.folder)
    assert shown(again) == {None: thumbprint(ONE)}
    assert (machine.folder / MACHINE_FILE).stat().st_mode & 0o777 == 0o600


def test_a_change_by_hand_is_taken_over(stand_in: StandIn, machine: Machine) -> None:
    serve(machine, 4726, OTHER)
    save_machine(machine)
    told: list[int] = []
    stand_in.on_change = lambda: told.append(1)
    stand_in.refresh()
    stand_in.refresh()
    assert told == [1]
    assert shown(stand_in.machine) == {None: thumbprint(OTHER)}


def test_a_machine_that_is_none_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(CemopsError, match=r"machine.json does not describe a machine of the lab"):
        load_machine(tmp_path)


def test_faults_hold_as_long_as_their_file_says(stand_in: StandIn, machine: Machine) -> None:
    file = machine.folder / FAULTS_FILE
    file.write_text(json.dumps({"refuses": ["Import-Pfx"], "iis_locked": "locked"}), "utf-8")
    (refused,) = apply(stand_in, importing(ONE, pfx(ONE)))
    assert refused["error"]["message"] == "the machine refuses Import-Pfx"
    assert ask(stand_in, {"verb": "state", "want": {}})["iis"]["error"] == "locked"
    file.write_text(json.dumps({"refusals": []}), "utf-8")
    with pytest.raises(PayloadError, match="refusals, which are no faults"):
        apply(stand_in, importing(ONE, pfx(ONE)))
    file.unlink()
    (done,) = apply(stand_in, importing(ONE, pfx(ONE)))
    assert done["state"] == "done"


# --- dead men ---------------------------------------------------------------------------------------------------


def arming(seconds: int, script: str) -> dict[str, Any]:
    packed = base64.b64encode(script.encode()).decode()
    return {"op": "deadman.arm", "token": "t", "seconds": seconds, "script": packed}


def removing() -> list[dict[str, Any]]:
    gone = {"kind": "ipport", "endpoint": "0.0.0.0:4726", "thumbprint": thumbprint(ONE)}
    return [{"id": "back", "op": "sslcert.remove", **gone}]


def test_a_dead_man_restores_when_nobody_confirms(stand_in: StandIn) -> None:
    changed = threading.Event()
    assert [one["state"] for one in apply(stand_in, importing(ONE, pfx(ONE)), binding(ONE))] == ["done"] * 2
    calls: list[int] = []

    def follow() -> None:
        calls.append(1)
        if shown(stand_in.machine) == {}:
            changed.set()

    stand_in.on_change = follow
    apply(stand_in, arming(0, dead_man_script(removing())))
    assert changed.wait(20)
    assert [(one["token"], one["fired"]) for one in ask(stand_in, {"verb": "state", "want": {}})["dead_men"]] == [
        ("t", True)
    ]
    (late,) = apply(stand_in, {"op": "deadman.confirm", "token": "t"})
    assert "has fired" in late["error"]["message"]


def test_a_dead_man_that_was_due_while_the_machine_was_off_acts_at_its_start(
    stand_in: StandIn, machine: Machine
) -> None:
    apply(stand_in, importing(ONE, pfx(ONE)), binding(ONE), arming(3600, dead_man_script(removing())))
    stand_in.stop()
    later = load_machine(machine.folder)
    later.dead_men[0].due_ms = 0
    save_machine(later)
    restarted = StandIn.load(machine.folder)
    changed = threading.Event()
    restarted.on_change = changed.set
    restarted.start()
    assert changed.wait(20)
    assert shown(restarted.machine) == {}
    restarted.stop()


def test_a_confirmed_dead_man_is_gone_and_a_fired_one_acts_at_once(stand_in: StandIn) -> None:
    apply(stand_in, importing(ONE, pfx(ONE)), binding(ONE), arming(3600, dead_man_script(removing())))
    apply(stand_in, {"op": "deadman.confirm", "token": "t"})
    assert ask(stand_in, {"verb": "state", "want": {}})["dead_men"] == []
    assert shown(stand_in.machine) == {None: thumbprint(ONE)}
    fired = apply(stand_in, arming(3600, dead_man_script(removing())), {"op": "deadman.fire", "token": "t"})
    assert [one["state"] for one in fired] == ["done"] * 2
    assert shown(stand_in.machine) == {}


def test_what_a_dead_man_cannot_restore_keeps_the_rest_from_nothing(stand_in: StandIn) -> None:
    apply(stand_in, importing(ONE, pfx(ONE)), binding(ONE))
    impossible = {"id": "0", "op": "service.restart", "service": "none of that name"}
    script = dead_man_script([impossible, *removing()])
    _, fired = apply(stand_in, arming(3600, script), {"op": "deadman.fire", "token": "t"})
    assert "could not restore all: there is no service 'none of that name'" in fired["error"]["message"]
    assert shown(stand_in.machine) == {}


def test_a_script_of_somebody_else_is_not_run(stand_in: StandIn) -> None:
    outcome = apply(stand_in, arming(3600, "Remove-Item C:\\"), {"op": "deadman.fire", "token": "t"})
    assert "no other scripts than cemops's own" in outcome[1]["error"]["message"]


# --- services with a process, files ------------------------------------------------------------------------------


class OneProcess(NoPrograms):
    """Stands for the process behind one service."""

    def __init__(self) -> None:
        self.alive = False
        self.refuses = False

    def start_service(self, service: str) -> int | None:
        if service != "W3SVC":
            return None
        if self.refuses:
            raise LeafError("it does not start")
        self.alive = True
        return 77

    def stop_service(self, service: str) -> None:
        if service == "W3SVC":
            self.alive = False

    def serves(self, service: str) -> bool | None:
        return self.alive if service == "W3SVC" else None


def test_a_service_follows_the_process_behind_it(machine: Machine) -> None:
    process = OneProcess()
    stand_in = StandIn.load(machine.folder, process)
    stand_in.start()

    def service() -> tuple[str, int]:
        found = ask(stand_in, {"verb": "state", "want": {"services": ["W3SVC"]}})["services"]["W3SVC"]
        return found["state"], found["pid"]

    assert service() == ("Running", 77)
    process.alive = False
    assert service() == ("Stopped", 0)
    (done,) = apply(stand_in, {"op": "service.set", "service": "W3SVC", "state": "Running"})
    assert (done["changed"], service()) == (True, ("Running", 77))
    process.refuses = True
    (failed,) = apply(stand_in, {"op": "service.restart", "service": "W3SVC"})
    assert failed["error"]["message"] == "it does not start"
    assert service() == ("Stopped", 0)
    stand_in.stop()
    assert not process.alive


@pytest.mark.parametrize(
    "path", ["notes.txt", "C:notes.txt", "\\\\host\\share\\x", "C:\\a\\..\\b", "C:\\a:b", "C:\\a\\ . \\b"]
)
def test_paths_that_are_not_plain_are_refused(machine: Machine, path: str) -> None:
    with pytest.raises(LeafError, match="path's format"):
        machine.drive.place(path)


def test_files_are_found_whatever_the_case_of_their_names(machine: Machine) -> None:
    machine.drive.make_folder("C:\\Program Files\\Symantec", private=False)
    machine.drive.write("c:\\program files\\SYMANTEC\\server.key", b"key", private=True)
    assert machine.drive.read("C:/Program Files/Symantec/Server.Key") == b"key"
    assert machine.drive.place("C:\\Program Files\\Symantec\\server.key").stat().st_mode & 0o777 == 0o600
    found = machine.drive.list_folder("C:\\Program Files\\Symantec", 100, ("*.KEY",))
    assert found is not None
    assert found["files"]["server.key"]["content"] is None
    with pytest.raises(LeafError, match="Could not find a part of the path"):
        machine.drive.write("C:\\nowhere\\x", b"", private=False)


def test_a_32_bit_program_sees_its_own_software_key(machine: Machine) -> None:
    machine.registry.make_key("HKLM:\\SOFTWARE\\Altiris", "32").set_value("a", "String", "b")
    assert machine.registry.key("HKLM:\\software\\wow6432node\\ALTIRIS") is not None
    assert machine.registry.key("HKLM:\\SOFTWARE\\Altiris") is None
    for path in ("HKCU:\\x", "HKLM:", "HKLM:\\x\\", "HKLM:/x", "HKLM:\\x\\\\y"):
        with pytest.raises(LeafError, match="knows registry paths like"):
            machine.registry.key(path)
