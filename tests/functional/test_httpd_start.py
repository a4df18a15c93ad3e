"""What ``httpd -t`` does not see, and what kills a reload: ENGINEERING.md, surprise 5 and "More of httpd"."""

from __future__ import annotations

import socket
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from cemops.planning.sizing import gateway_sizing
from tests.functional.gateway_httpd import MODULES, NS1, GatewayHttpd, eventually, replaced
from tests.functional.gateway_pki import TestAuthority, key_pem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

# Of mod_ssl on any machine: the session cache is off on purpose; a build may be newer than the library it runs with.
EXPECTED_WARNINGS = {"AH01873", "AH01882"}


@pytest.fixture
def gateway() -> Iterator[GatewayHttpd]:
    with GatewayHttpd() as started:
        yield started


def overwrite(path: Path, text: str) -> None:
    path.chmod(0o600)
    path.write_text(text)


def does_not_start(gateway: GatewayHttpd, text: str) -> str:
    """Start ``text``, which must fail; what httpd said."""
    assert gateway.launch(text).wait(timeout=20) != 0
    return gateway.console() + gateway.log("error.log")


def test_the_rendered_configuration_has_sound_syntax(gateway: GatewayHttpd) -> None:
    assert gateway.syntax(gateway.render()) == "Syntax OK"


def test_surprise_5_syntax_check_passes_a_key_of_another_certificate(gateway: GatewayHttpd) -> None:
    overwrite(gateway.folder / "tls.key", key_pem(TestAuthority("other").key))
    assert gateway.syntax(gateway.render()) == "Syntax OK"
    assert "AH02565" in does_not_start(gateway, gateway.render())


def test_surprise_5_syntax_check_passes_an_empty_folder_of_authorities(gateway: GatewayHttpd) -> None:
    (gateway.folder / "empty").mkdir()
    text = replaced(gateway.render(has_crl=False), "SSLCACertificateFile", "SSLCACertificatePath")
    text = replaced(text, f"{gateway.release}/client-ca.pem", f"{gateway.folder}/empty")
    assert gateway.syntax(text) == "Syntax OK"


def test_an_empty_bundle_of_authorities_is_seen_by_the_syntax_check(gateway: GatewayHttpd) -> None:
    overwrite(gateway.release / "client-ca.pem", "")
    assert "does not exist or is empty" in gateway.syntax(gateway.render())  # a file, unlike a folder, is looked at
    does_not_start(gateway, gateway.render())


def test_surprise_5_syntax_check_passes_port_70000_in_the_allow_list(gateway: GatewayHttpd) -> None:
    text = replaced(gateway.render(), "AllowCONNECT 4726", "AllowCONNECT 70000 4726")
    assert gateway.syntax(replaced(text, "example:4726$", "example:70000$")) == "Syntax OK"


def test_the_syntax_check_sees_port_70000_in_listen(gateway: GatewayHttpd) -> None:
    text = replaced(gateway.render(), f"Listen 127.0.0.1:{gateway.port}", "Listen 127.0.0.1:70000")
    assert "Invalid address or port" in gateway.syntax(text)


def test_surprise_5_syntax_check_passes_fips_without_a_provider(gateway: GatewayHttpd) -> None:
    text = gateway.render(fips=True)
    assert gateway.syntax(text) == "Syntax OK"
    assert "FIPS" in does_not_start(gateway, text)


def test_surprise_5_syntax_check_passes_an_expired_crl(gateway: GatewayHttpd) -> None:
    crl = gateway.authority.crl(until=timedelta(days=-1))
    (gateway.release / "client-crl.pem").write_text(crl)
    assert gateway.syntax(gateway.render()) == "Syntax OK"


def test_a_graceful_reload_of_a_broken_release_ends_the_parent_and_closes_the_port(
    gateway: GatewayHttpd,
) -> None:
    gateway.start()
    overwrite(gateway.folder / "tls.key", key_pem(TestAuthority("other").key))
    reload = subprocess.run(
        gateway.command("-k", "graceful"),
        env=gateway.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert reload.returncode == 0, reload.stderr  # httpd checks the syntax before it signals, and is content
    assert gateway.process is not None
    assert gateway.process.wait(timeout=20) != 0
    assert eventually(lambda: not gateway.accepts())
    assert "AH02565" in gateway.log("error.log") + gateway.console()


def test_the_reload_command_reads_the_configuration_through_a_switched_link(gateway: GatewayHttpd) -> None:
    current = gateway.folder / "current"
    current.symlink_to(gateway.release)
    gateway.release = current
    gateway.start(replaced(gateway.render(), "ns1[.]corp", "other[.]corp"))
    with gateway.dial(gateway.agent) as outer:
        assert outer.connect(NS1) == 403
    new = gateway.folder / "releases" / "2"
    new.mkdir()
    gateway.release = new
    gateway.conf.write_text(gateway.render())
    current.unlink()
    current.symlink_to(new)
    gateway.release = current
    before = gateway.generations()
    subprocess.run(gateway.command("-k", "graceful"), env=gateway.environment, check=True, capture_output=True)
    assert eventually(lambda: gateway.generations() > before)
    with gateway.dial(gateway.agent) as outer:
        assert outer.connect(NS1) == 200


@pytest.mark.parametrize("connections", [1, 50, 1300, 15_000])
def test_the_sizing_starts_without_a_warning(gateway: GatewayHttpd, connections: int) -> None:
    sizing = gateway_sizing(connections)
    text = gateway.render(sizing=sizing)
    # All processes of 15,000 connections would be 16,500 threads: one is enough to see what httpd thinks of the numbers.
    text = replaced(text, f"StartServers {sizing.start_servers}\n", "StartServers 1\n")
    text = replaced(text, f"MinSpareThreads {sizing.min_spare_threads}\n", "MinSpareThreads 1\n")
    gateway.start(text)
    said = gateway.console() + gateway.log("error.log")
    warnings = {line.split("AH")[1][:5] for line in said.splitlines() if "warn]" in line and "AH" in line}
    assert {f"AH{number}" for number in warnings} <= EXPECTED_WARNINGS
    assert "AH00558" not in said
    assert eventually(lambda: len(gateway.children()) == 1)


def test_all_processes_of_one_generation_run_from_the_start(gateway: GatewayHttpd) -> None:
    gateway.start(gateway.render(sizing=gateway_sizing(1300)))
    assert eventually(lambda: len(gateway.children()) == 2)


def test_httpd_lowers_numbers_beyond_its_compiled_limits_with_a_warning(gateway: GatewayHttpd) -> None:
    sizing = gateway_sizing(20)
    text = replaced(gateway.render(sizing=sizing), f"ServerLimit {sizing.server_limit}\n", "ServerLimit 20001\n")
    assert "AH00497" in gateway.syntax(text) + gateway.start(text).console()


def test_surprise_a_change_of_server_limit_is_ignored_by_a_graceful_reload(gateway: GatewayHttpd) -> None:
    sizing = gateway_sizing(20)
    gateway.start(gateway.render(sizing=sizing))
    changed = replaced(gateway.render(), f"ServerLimit {sizing.server_limit}\n", "ServerLimit 7\n")
    gateway.graceful(changed)
    assert "AH00501" in gateway.log("error.log")


def test_a_module_that_is_loaded_twice_is_not_a_warning(gateway: GatewayHttpd) -> None:
    said = gateway.syntax(f"LoadModule ssl_module {MODULES}/mod_ssl.so\n" + gateway.render())
    assert said == "Syntax OK"


def test_several_addresses_are_listened_on(gateway: GatewayHttpd) -> None:
    port = gateway.port
    gateway.start(gateway.render(listen=(("127.0.0.1", port), ("127.0.0.251", port))))
    for address in ("127.0.0.1", "127.0.0.251"):
        with socket.socket() as sock:
            assert sock.connect_ex((address, port)) == 0


def test_all_addresses_are_listened_on_by_a_star(gateway: GatewayHttpd) -> None:
    port = gateway.port
    gateway.start(gateway.render(listen=(("*", port),)))
    for address in ("127.0.0.1", "127.0.0.251"):
        with socket.socket() as sock:
            assert sock.connect_ex((address, port)) == 0


@pytest.mark.parametrize(
    "name", ["with space ", 'with "quotes" ', "with 100% $HOME {x} #", "with \\back\\\\slash\\", "mit ümlaut"]
)
def test_a_folder_with_an_unusual_name_is_a_gateway_too(name: str) -> None:
    with GatewayHttpd(name=name) as gateway:
        gateway.start()
        with gateway.dial(gateway.agent) as outer:
            assert outer.connect(NS1) == 200
        assert eventually(lambda: NS1 in gateway.log("access.log"))
        assert (gateway.folder / "run" / "httpd.pid").exists()
