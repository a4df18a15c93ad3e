"""What must be true of a Windows machine after an apply, asked of Windows' own programs on the machine (testinfra).

A stand-in of the lab answers none of this: it knows no PowerShell, netsh or appcmd. Answers are read by what is the
same in every language of Windows: digits, hexadecimal digits, True and False.
"""

from __future__ import annotations

import re

from testinfra.host import Host

from tests.acceptance.accepted_estate import Endpoint, WindowsMachine
from tests.acceptance.connections import powershell
from tests.acceptance.netsh_listing import certificates_by_endpoint

RUNNING = "4"
"""ServiceControllerStatus."""


def certificates_of_http_sys(host: Host, port: int) -> set[str]:
    """The thumbprints that http.sys names for a port, whatever the address or host name."""
    listed = certificates_by_endpoint(str(host.check_output("netsh.exe http show sslcert")))
    return {thumbprint for endpoint, thumbprint in listed.items() if endpoint.endswith(f":{port}")}


def test_its_services_run(windows: WindowsMachine, windows_host: Host) -> None:
    names = ",".join(f"'{name}'" for name in windows.services)
    states = powershell(windows_host, f"Get-Service -Name @({names}) | ForEach-Object {{ [int]$_.Status }}")
    assert states == [RUNNING] * len(windows.services)


def test_every_declared_port_listens(windows: WindowsMachine, windows_host: Host) -> None:
    ports = powershell(windows_host, "Get-NetTCPConnection -State Listen | ForEach-Object { $_.LocalPort }")
    assert {str(port) for port in windows.ports} <= set(ports)


def test_the_declared_firewall_rules_are_there_and_enabled(windows: WindowsMachine, windows_host: Host) -> None:
    script = "Get-NetFirewallRule -Name 'cemops-*' -ErrorAction SilentlyContinue | ForEach-Object { \"$($_.Name) $($_.Enabled)\" }"
    words = powershell(windows_host, script)
    assert set(zip(words[::2], words[1::2], strict=True)) >= {(rule, "True") for rule in windows.rules}


def test_no_dead_man_waits(windows_host: Host) -> None:
    script = "@(Get-ScheduledTask -TaskName 'cemops-dead-man-*' -ErrorAction SilentlyContinue).Count"
    assert powershell(windows_host, script) == ["0"]


def test_the_site_has_the_binding(endpoint: Endpoint, endpoint_host: Host) -> None:
    site, port = endpoint.binding.site, endpoint.binding.port
    program = r"C:\Windows\System32\inetsrv\appcmd.exe"
    bindings = str(endpoint_host.check_output(f'{program} list site "{site}" /text:bindings'))
    assert re.search(rf"https/[^,]*:{port}:", bindings), bindings


def test_http_sys_names_a_certificate_of_the_computers_store_that_has_its_key(
    endpoint: Endpoint, endpoint_host: Host
) -> None:
    script = "Get-ChildItem Cert:\\LocalMachine\\My | Where-Object HasPrivateKey | ForEach-Object { $_.Thumbprint }"
    stored = powershell(endpoint_host, script)
    named = certificates_of_http_sys(endpoint_host, endpoint.binding.port)
    assert named
    assert named <= {thumbprint.upper() for thumbprint in stored}
