"""What the lab writes and looks for, without starting anything."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_ssh_private_key
from cryptography.x509.verification import PolicyBuilder, Store

from cemops.errors import CemopsError
from cemops.lab import addresses, preconditions
from cemops.lab.addresses import choose_addresses, free_port
from cemops.lab.estate_document import EstateInputs, WindowsAddress, render_estate
from cemops.lab.gateway_machine import GatewayAddress, GatewayMachine
from cemops.lab.preconditions import LabPrograms, find_programs, is_locked
from cemops.lab.tls_server import MAX_REQUEST, Identity, answer_requests
from cemops.lab.trust import LabAuthority, make_ssh_key
from cemops.model.connections import PinnedServerCertificate, ServerCertificateAuthority, WinrmConnection
from cemops.model.document import load_estate_text
from cemops.model.estate import Estate
from cemops.rules.framework import Severity
from cemops.rules.judgement import judge

GATEWAYS = tuple(
    GatewayAddress(f"gw{number}", f"127.20.0.{number}", 2222, 8443, Path(f"/srv/lab/hosts/gw{number}/root"))
    for number in range(1, 18)
)
INPUTS = EstateInputs(
    gateways=GATEWAYS[:2],
    host_key={"gw1": f"SHA256:{'A' * 43}", "gw2": f"SHA256:{'B' * 42}A"},
    login="root",
    account="nobody",
    login_key_file="secrets/id_ed25519",
    passphrase_file=Path("/srv/lab/secrets/pki-passphrase"),
    confirm_seconds=20,
    windows=tuple(
        WindowsAddress(name, f"127.20.0.{number}", 5986, "cemops", Path(f"/srv/lab/secrets/{name}-password"), pin)
        for number, name, pin in ((20, "ns1", "AB" * 32), (21, "ps1", None), (22, "ps2", None))
    ),
    acc_password_file=Path("/srv/lab/secrets/acc-password"),
)


def test_the_estate_manages_every_machine_and_trusts_none_blindly() -> None:
    estate = Estate.model_validate(yaml.safe_load(render_estate(INPUTS)))
    assert [gateway.listen.port for gateway in estate.gateways] == [8443, 8443]
    assert [gateway.service.account for gateway in estate.gateways] == ["nobody", "nobody"]
    connections = [
        *(server.connection for server in estate.notification_servers),
        *(server.connection for server in estate.site_servers),
    ]
    assert [one.transport for one in connections if one is not None] == ["winrm"] * 3
    known = [one.server_certificate for one in connections if isinstance(one, WinrmConnection)]
    assert [isinstance(one, PinnedServerCertificate) for one in known] == [True, False, False]
    assert [isinstance(one, ServerCertificateAuthority) for one in known] == [False, True, True]
    assert {estate.authorities[name].source for name in ("ns1-root", "site-server-root")} == {"local"}


def test_a_windows_gateway_is_on_the_port_of_the_others_and_in_the_policy() -> None:
    gw3 = WindowsAddress("gw3", "127.20.0.23", 5986, "cemops", Path("/srv/lab/secrets/gw3-password"), "CD" * 32)
    loaded = load_estate_text(render_estate(replace(INPUTS, windows=(*INPUTS.windows, gw3))), "estate.yaml")
    assert {found.severity for found in judge(loaded.estate, None, datetime.now(UTC))} <= {Severity.INFO}
    (found,) = [gateway for gateway in loaded.estate.gateways if gateway.platform == "windows"]
    assert (found.name, found.layout, found.listen.port) == ("gw3", "smp-7", 8443)
    assert loaded.estate.policies[0].gateways == ("gw1", "gw2", "gw3")


def test_the_estate_is_written_out_without_anchors() -> None:
    text = render_estate(INPUTS)
    assert "&id" not in text
    assert text.startswith("# The estate of this lab")


def test_the_estate_says_how_a_further_name_is_resolved() -> None:
    text = render_estate(INPUTS)
    before, servers, _ = text.partition("\n  servers:\n")
    assert servers
    comment = [line for line in before.splitlines()[-4:] if line.startswith("  #")]
    assert any("IG-13" in line for line in comment)
    assert any("hosts-file" in line for line in comment)


def test_the_examples_in_the_estate_hold_once_their_comment_signs_are_gone() -> None:
    text = render_estate(INPUTS)
    assert text.count("# change_windows:") == 1
    assert text.count("  # certificate: {pfx: ") == 1
    window = text.replace("# change_windows:", "change_windows:").replace("#   - {name: ", "  - {name: ")
    assert len(load_estate_text(window, "estate.yaml").estate.change_windows) == 1
    own = text.replace("  certificate:\n    self_signed: {valid_years: 5}\n", "", 1)
    own = own.replace("  # certificate: {pfx: ", "  certificate: {pfx: ")
    assert load_estate_text(own, "estate.yaml").estate.gateways[0].certificate.kind == "pfx"


def test_the_estate_has_no_error_however_many_gateways_share_an_sshd() -> None:
    many = replace(INPUTS, gateways=GATEWAYS, host_key={one.name: INPUTS.host_key["gw1"] for one in GATEWAYS})
    loaded = load_estate_text(render_estate(many), "estate.yaml")
    assert {found.severity for found in judge(loaded.estate, None, datetime.now(UTC))} <= {Severity.INFO}


def gateway_machine(gateways: tuple[GatewayAddress, ...]) -> GatewayMachine:
    return GatewayMachine(
        lab=Path("/srv/lab"),
        folder=Path("/srv/lab/hosts/gw1/sshd"),
        gateways=gateways,
        programs=LabPrograms("/usr/sbin/sshd", "/usr/lib/libnss_wrapper.so", "/usr/sbin/apache2", "/usr/lib/modules"),
        login="somebody",
        host_key=make_ssh_key(),
        login_key=make_ssh_key(),
        login_key_file=Path("/srv/lab/secrets/id_ed25519"),
        hosts_file=Path("/srv/lab/hosts-file"),
    )


def test_sshd_listens_on_loopback_only_and_takes_keys_of_one_user() -> None:
    lines = gateway_machine(GATEWAYS[:2])._configuration().splitlines()
    assert [line for line in lines if line.startswith("ListenAddress")] == [
        "ListenAddress 127.20.0.1:2222",
        "ListenAddress 127.20.0.2:2222",
    ]
    assert {"AllowUsers somebody", "PasswordAuthentication no", "UsePAM no", "StrictModes no"} <= set(lines)
    assert lines[-1].split()[1:] == [
        "CEMOPS_LAB=/srv/lab",
        f"PATH={preconditions.SEARCH_PATH}",
        "SHLVL=5",
        "LD_PRELOAD=/usr/lib/libnss_wrapper.so",
        "NSS_WRAPPER_HOSTS=/srv/lab/hosts-file",
    ]


def test_sshd_asks_pam_only_for_a_locked_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shadow = tmp_path / "shadow"
    shadow.write_text("root:*:1::::::\nsomebody:!:1::::::\nsomebodyelse:!x:1::::::\n", encoding="utf-8")
    monkeypatch.setattr(preconditions, "_SHADOW", shadow)
    assert [is_locked(name) for name in ("root", "somebody", "some", "nobody")] == [False, True, False, False]
    assert "UsePAM yes" in gateway_machine(GATEWAYS[:1])._configuration()
    monkeypatch.setattr(preconditions, "_SHADOW", tmp_path / "absent")
    assert not is_locked("somebody")


def test_more_gateways_than_one_sshd_can_listen_for_are_refused() -> None:
    with pytest.raises(CemopsError, match="at most 16 gateways"):
        gateway_machine(GATEWAYS)._configuration()
    assert gateway_machine(GATEWAYS[:16]).name == "gw1..gw16"


def test_what_is_missing_is_named_together_with_its_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preconditions, "SEARCH_PATH", str(tmp_path))
    monkeypatch.setattr(preconditions, "_LIBRARY_FOLDERS", (str(tmp_path),))
    monkeypatch.setattr("ctypes.util.find_library", lambda _name: None)
    with pytest.raises(CemopsError, match="apt-get install apache2 openssh-server libnss-wrapper openssl`"):
        find_programs()
    for name in ("httpd", "openssl", "sshd"):
        (tmp_path / name).touch(mode=0o755)
    with pytest.raises(CemopsError, match=r"needs the library libnss_wrapper.so: .*install libnss-wrapper`"):
        find_programs()
    (tmp_path / "libnss_wrapper.so").touch()
    monkeypatch.setattr(preconditions, "_MODULE_FOLDERS", ())
    with pytest.raises(CemopsError, match="finds no modules of"):
        find_programs()
    monkeypatch.setattr(preconditions, "_MODULE_FOLDERS", (str(tmp_path),))
    assert find_programs() == LabPrograms(
        str(tmp_path / "sshd"), str(tmp_path / "libnss_wrapper.so"), str(tmp_path / "httpd"), str(tmp_path)
    )


def test_addresses_are_loopback_and_follow_from_the_folder() -> None:
    ports = [(2222, 8443), (2222, 8443), (4726,)]
    one = choose_addresses(Path("/srv/one"), ports)
    assert one == choose_addresses(Path("/srv/one"), ports)
    assert one != choose_addresses(Path("/srv/two"), ports)
    assert all(address.startswith("127.") for address in one)
    assert len(set(one)) == 3


def test_a_hundred_gateways_get_an_address_each() -> None:
    assert len(set(choose_addresses(Path("/srv/many"), [(2222,)] * 103))) == 103


def test_a_port_held_on_all_addresses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "can_listen", lambda _address, port: port != 4726)
    with pytest.raises(CemopsError, match=r"listens on port 4726 on all addresses; end it first"):
        choose_addresses(Path("/srv/one"), [(8443,), (4726,)])
    assert free_port((4726, 5000)) == 5000
    with pytest.raises(CemopsError, match="ports 4726 are all in use"):
        free_port((4726,))


def test_a_port_that_something_listens_on_is_not_free() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert not addresses.can_listen(*other.getsockname())


def test_server_certificates_fit_their_names_and_no_other() -> None:
    root = LabAuthority("Lab WinRM CA")
    issued = root.issue(("ps1.corp.lab.example", "ps1", "127.20.0.21"))
    certificate = x509.load_pem_x509_certificate(issued.certificate)
    builder = PolicyBuilder().store(Store([x509.load_pem_x509_certificate(root.pem)]))
    for name in ("ps1.corp.lab.example", "ps1"):
        builder.build_server_verifier(x509.DNSName(name)).verify(certificate, [])
    address = x509.IPAddress(ipaddress.ip_address("127.20.0.21"))
    builder.build_server_verifier(address).verify(certificate, [])
    with pytest.raises(x509.verification.VerificationError):
        builder.build_server_verifier(x509.DNSName("ps2.corp.lab.example")).verify(certificate, [])
    assert "PRIVATE" not in repr(issued)


def test_ssh_keys_are_openssh_keys_with_the_usual_fingerprint() -> None:
    key = make_ssh_key()
    load_ssh_private_key(key.private, None)
    assert key.public.startswith("ssh-ed25519 ")
    assert key.fingerprint.startswith("SHA256:")
    assert len(key.fingerprint) == 50
    assert "PRIVATE" not in repr(replace(key))


class _Writer:
    """Collects what the server writes."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    async def drain(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def answers(request: bytes) -> bytes:
    async def exchange() -> _Writer:
        reader = asyncio.StreamReader(limit=MAX_REQUEST)
        reader.feed_data(request)
        reader.feed_eof()
        writer = _Writer()
        await answer_requests(Identity("ns1", "ns1.corp.lab.example", 4726), reader, writer)  # type: ignore[arg-type]  # what it uses of one
        return writer

    writer = asyncio.run(exchange())
    assert writer.closed
    return writer.written


def test_the_server_names_itself_once_for_each_request() -> None:
    assert answers(b"GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc").count(b'"ns1"') == 2
    head, body = answers(b"GET / HTTP/1.1\r\n\r\n").split(b"\r\n\r\n")
    assert json.loads(body) == {"server": "ns1", "fqdn": "ns1.corp.lab.example", "port": 4726}
    assert f"Content-Length: {len(body)}".encode() in head
    assert b'"ns1"' not in answers(b"HEAD / HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize(
    "request_text",
    [
        b"",
        b"\x16\x03\x01 half",
        b"POST / HTTP/1.1\r\nContent-Length: 99\r\n\r\nshort",
        b"POST / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n",
        b"x" * (2 * MAX_REQUEST),
    ],
)
def test_the_server_closes_on_what_is_no_request(request_text: bytes) -> None:
    assert answers(request_text) == b""
