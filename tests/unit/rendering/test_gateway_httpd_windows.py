"""The same template for httpd on Windows: what is the same, what Windows lacks, and how it writes paths."""

from __future__ import annotations

from dataclasses import replace

from cemops.planning.sizing import gateway_sizing
from cemops.rendering.gateway_httpd import WindowsFolders, render_httpd_conf
from tests.unit.rendering.httpd_inputs import INPUTS, directives, rendered

APACHE = "C:/Program Files (x86)/Symantec/SMP Internet Gateway/Apache"
WINDOWS = replace(
    INPUTS,
    modules_dir="modules",
    sizing=gateway_sizing(15_000, "windows"),
    root=APACHE,
    release_dir="",
    certificate=f"{APACHE}/certs/server.crt",
    key=f"{APACHE}/certs/server.key",
    pid_file=f"{APACHE}/logs/httpd.pid",
    windows=WindowsFolders(f"{APACHE}/certs/client", f"{APACHE}/certs/crl"),
)
ABOUT_THE_PLATFORM = (
    "AcceptFilter", "AsyncRequestWorkerFactor", "CustomLog", "DefaultRuntimeDir", "ErrorLog", "LoadModule", "MaxRequestWorkers",
    "MaxSpareThreads", "MinSpareThreads", "Mutex", "PidFile", "ServerLimit", "ServerRoot", "SSLCACertificate", "SSLCARevocationFile",
    "SSLCARevocationPath", "SSLCertificate", "StartServers", "Thread", "<IfModule !mpm_event", "<IfModule !unixd", "</IfModule",
)  # fmt: skip


def about_agents(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.startswith(ABOUT_THE_PLATFORM)]


def test_what_keeps_strangers_out_is_the_same_to_the_letter() -> None:
    lines = directives(render_httpd_conf(WINDOWS))
    assert about_agents(lines) == about_agents(rendered())
    assert "SSLVerifyClient require" in lines


def test_one_child_has_all_the_threads_up_to_what_is_compiled_in() -> None:
    lines = directives(render_httpd_conf(WINDOWS))
    assert {"ThreadLimit 15000", "ThreadsPerChild 15000"} <= set(lines)
    assert not [line for line in lines if line.startswith(("ServerLimit", "MaxRequestWorkers", "StartServers"))]


def test_windows_has_no_account_no_mutex_and_no_filter_ahead_of_httpd() -> None:
    lines = directives(render_httpd_conf(WINDOWS))
    assert not [line for line in lines if line.startswith(("User", "Group", "Mutex", "DefaultRuntimeDir"))]
    assert {"AcceptFilter http none", "AcceptFilter https none"} <= set(lines)
    assert not [line for line in rendered() if line.startswith("AcceptFilter")]


def test_paths_are_quoted_with_forward_slashes_and_modules_are_httpds_own() -> None:
    text = render_httpd_conf(WINDOWS)
    lines = directives(text)
    assert "\\\\" not in text
    assert f'SSLCACertificatePath "{APACHE}/certs/client"' in lines
    assert f'SSLCARevocationPath "{APACHE}/certs/crl"' in lines
    modules = [line for line in lines if line.startswith("LoadModule")]
    assert 'LoadModule ssl_module "modules/mod_ssl.so"' in modules
    assert all('"modules/mod_' in line for line in modules)
    assert not [line for line in modules if "mpm" in line or "unixd" in line]
