"""What must be true of a Linux gateway after an apply, looked at on the machine itself."""

from __future__ import annotations

import re
import shlex

from testinfra.host import Host

from cemops.model.gateways import Gateway


def read(host: Host, command: str, *arguments: str) -> str:
    """What a command prints on the machine; it must succeed."""
    return str(host.check_output(" ".join([command, *map(shlex.quote, arguments)])))


def main_process(gateway: Gateway, host: Host) -> str:
    return read(host, "cat", f"{gateway.root}/run/httpd.pid").strip()


def test_the_live_release_is_one_folder_named_by_its_content(gateway: Gateway, gateway_host: Host) -> None:
    live = read(gateway_host, "readlink -f", f"{gateway.root}/current")
    assert re.fullmatch(re.escape(f"{gateway.root}/releases/") + r"[0-9a-f]{8,64}\.\d+", live)


def test_nobody_can_write_into_the_live_release(gateway: Gateway, gateway_host: Host) -> None:
    assert read(gateway_host, "find", f"{gateway.root}/current/", "-type", "f", "-perm", "/222") == ""


def test_only_the_owner_can_read_a_private_key(gateway: Gateway, gateway_host: Host) -> None:
    keys = ["find", f"{gateway.root}/tls", "-name", "*.key"]
    assert read(gateway_host, *keys).split()
    assert read(gateway_host, *keys, "-perm", "/077") == ""


def test_httpd_serves_the_live_release(gateway: Gateway, gateway_host: Host) -> None:
    main = main_process(gateway, gateway_host)
    assert f"{gateway.root}/current/httpd.conf" in read(gateway_host, "tr '\\0' ' ' <", f"/proc/{main}/cmdline")


def test_the_workers_run_as_the_service_account(gateway: Gateway, gateway_host: Host) -> None:
    main = main_process(gateway, gateway_host)
    workers = read(gateway_host, "cat", f"/proc/{main}/task/{main}/children").split()
    assert workers
    assert {read(gateway_host, "stat -c %U", f"/proc/{worker}") for worker in workers} == {gateway.service.account}
