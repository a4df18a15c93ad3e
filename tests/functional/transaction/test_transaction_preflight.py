"""What is refused before a gateway is touched: ports, names, FIPS, and the CRLs of client CAs."""

from __future__ import annotations

import shutil
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.functional.transaction.bench import Bench, Document, Said
from tests.functional.transaction.faults import kill_tree

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class Ca:
    """A CA whose files an operator keeps elsewhere (``source: external``)."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def named(cls, common_name: str) -> Ca:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=30))
            .not_valid_after(NOW + timedelta(days=3000))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)

    def crl(self, number: int, *, days: int = 60, written: int = 20) -> bytes:
        """A CRL that was written ``written`` days ago and is good for ``days`` days from now."""
        return (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(NOW - timedelta(days=written))
            .next_update(NOW + timedelta(days=days))
            .add_extension(x509.CRLNumber(number), critical=False)
            .sign(self.key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )


@dataclass(frozen=True)
class ExternalCa:
    """gw1 lets in agents of a second NS, whose CA is external."""

    bench: Bench
    ca: Ca

    def declare(self, crl: bytes | None) -> None:
        """Put the CA (and its CRL) into the estate."""
        certs = self.bench.lab.folder / "certs"
        certs.joinpath("ns2.pem").write_bytes(self.ca.certificate.public_bytes(serialization.Encoding.PEM))
        entry = {
            "kind": "ns-root",
            "source": "external",
            "notification_server": "ns2",
            "certificate": "certs/ns2.pem",
        }
        if crl is not None:
            certs.joinpath("ns2.crl").write_bytes(crl)
            entry["crl"] = "certs/ns2.crl"
        hosts = self.bench.lab.folder / "hosts-file"
        lines = hosts.read_text("utf-8").splitlines()
        if "ns2.corp.lab.example" not in lines[0]:
            hosts.write_text("\n".join([f"{lines[0]} ns2.corp.lab.example", *lines[1:]]) + "\n", "utf-8")

        def change(document: Document) -> None:
            document["authorities"]["ns2-root"] = entry
            if len(document["notification_servers"]) == 1:
                first = document["notification_servers"][0]
                second = {**first, "name": "ns2", "fqdn": "ns2.corp.lab.example", "root_authority": "ns2-root"}
                document["notification_servers"].append(second)
                document["gateways"][0]["servers"].append({"notification_server": "ns2"})

        self.bench.edit(change)

    def refused(self) -> Said:
        """The plan and the apply are both refused, and nothing changes."""
        live = self.bench.live("gw1")
        said = self.bench.plan("--limit", "gw1")
        assert said.code == 1, said.everything
        assert self.bench.apply("--limit", "gw1").code == 1
        assert self.bench.live("gw1") == live
        return said

    def applied(self) -> Said:
        said = self.bench.apply("--limit", "gw1")
        assert said.code == 0, said.everything
        return said


@pytest.fixture
def external(bench: Bench) -> ExternalCa:
    return ExternalCa(bench, Ca.named("External NS2 Root"))


def words(said: Said) -> str:
    return " ".join((said.out + said.err).split())


def test_an_expired_crl_is_refused(external: ExternalCa) -> None:
    external.declare(external.ca.crl(1, days=-1))
    assert "the CRL of authority ns2-root expired on" in words(external.refused())


def test_a_crl_that_no_ca_of_the_bundle_signed_is_refused(external: ExternalCa) -> None:
    external.declare(Ca.named("External NS2 Root").crl(1))
    assert "is not signed by it" in words(external.refused())


def test_a_crl_that_goes_back_or_away_is_refused(external: ExternalCa) -> None:
    external.declare(external.ca.crl(5, written=5))
    external.applied()
    external.declare(external.ca.crl(4, written=4))
    assert "older than the live one (number 4, " in words(external.refused())
    external.declare(None)
    assert "has no CRL, but the live release has one" in words(external.refused())
    external.declare(external.ca.crl(6, written=1))
    external.applied()
    assert external.bench.plan("--limit", "gw1").code == 0


def test_a_crl_with_little_time_left_is_a_warning(external: ExternalCa) -> None:
    external.declare(external.ca.crl(1, days=13))
    planned = external.bench.plan("--limit", "gw1", "--format", "json")
    assert planned.code == 2
    codes = [warning["code"] for change in planned.json["hosts"][0]["changes"] for warning in change["warnings"]]
    assert "crl-expires" in codes


def test_one_ca_without_crl_relaxes_the_check_and_says_so(external: ExternalCa) -> None:
    external.declare(None)
    said = external.applied()
    assert "authority ns2-root has no CRL: its revoked agents are let in" in words(said)
    conf = (external.bench.release("gw1") / "httpd.conf").read_text("utf-8")
    assert "SSLCARevocationCheck leaf no_crl_for_cert_ok" in conf
    assert external.bench.serves("gw1")


def test_a_key_of_another_certificate_never_gets_past_the_stage(bench: Bench) -> None:
    kill_tree(bench.main_pid("gw1"))
    shutil.rmtree(bench.root("gw1"))
    said = bench.apply("--limit", "gw1", fault={"wrong_key": True})
    assert said.code == 1
    assert "does not belong to the certificate" in said.err
    assert not (bench.root("gw1") / "current").is_symlink()


def test_a_port_that_another_program_holds_is_refused_at_the_first_apply(bench: Bench) -> None:
    kill_tree(bench.main_pid("gw1"))
    shutil.rmtree(bench.root("gw1"))
    listen = bench.context().estate.gateways[0].listen
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((listen.addresses[0], listen.port))
        other.listen()
        said = bench.apply("--limit", "gw1")
    assert said.code == 1
    assert f"port {listen.port} is taken by another program" in said.err


def test_a_new_name_that_does_not_resolve_is_refused(bench: Bench) -> None:
    live = bench.live("gw1")

    def change(document: Document) -> None:
        document["gateways"][0]["servers"][0]["also_known_as"].append("nowhere")

    bench.edit(change)
    said = bench.apply("--limit", "gw1")
    assert said.code == 1
    assert "nowhere does not resolve on the gateway" in words(said)
    assert bench.live("gw1") == live


def test_a_live_name_that_no_longer_resolves_is_a_warning(bench: Bench) -> None:
    name = bench.list_new_name("gw1").partition(":")[0]
    assert bench.apply("--limit", "gw1").code == 0
    hosts = bench.lab.folder / "hosts-file"
    before = hosts.read_text("utf-8")
    hosts.write_text(before.replace(f" {name}", ""), "utf-8")
    said = bench.plan("--limit", "gw1")
    assert said.code == 0, said.everything
    assert f"{name} does not resolve on the gateway" in words(said)


def test_fips_without_a_provider_is_refused(bench: Bench) -> None:
    bench.edit_gateway("gw1", fips=True)
    said = bench.plan("--limit", "gw1")
    assert said.code == 1
    assert "no FIPS provider" in words(said)


def test_a_root_that_cannot_be_made_fails_with_a_sentence(bench: Bench) -> None:
    bench.edit_gateway("gw1", root="/proc/cemops")
    kill_tree(bench.main_pid("gw1"))
    said = bench.apply("--limit", "gw1")
    assert said.code == 1
    assert "could not be made" in said.err
