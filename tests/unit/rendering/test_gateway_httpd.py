from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot
from pydantic import TypeAdapter, ValidationError

from cemops.errors import CemopsError
from cemops.model.topology import Target
from cemops.model.values import Fqdn, ListenAddress, Port, PosixPath, ServerName
from cemops.planning.sizing import gateway_sizing
from cemops.rendering.gateway_httpd import HttpdInputs, render_httpd_conf

ROOT = "/etc/cemops-gateway"


@dataclass(frozen=True)
class Listed:
    host: str
    port: int


INPUTS = HttpdInputs(
    modules_dir="/usr/lib/apache2/modules",
    fqdn="gw1.northwind.example",
    listen=(("*", 443),),
    tls=("1.2", "1.3"),
    targets=(
        Listed("ns1.corp.northwind.example", 4726),
        Listed("ns1", 4726),
        Listed("ps2.corp.northwind.example", 8443),
    ),
    sizing=gateway_sizing(50),
    root=ROOT,
    release_dir=f"{ROOT}/releases/0123456789ab.1",
    certificate=f"{ROOT}/tls/aa.crt",
    key=f"{ROOT}/tls/aa.key",
    has_crl=True,
    every_ca_has_crl=True,
    proxy_block=("127.0.0.1", "::1", "203.0.113.11"),
)


def directives(text: str) -> list[str]:
    """The lines that httpd acts on."""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def rendered(**changes: Any) -> list[str]:
    return directives(render_httpd_conf(replace(INPUTS, **changes)))


def test_the_directives_of_a_small_gateway() -> None:
    modules: list[str] = []
    rest: list[str] = []
    for line in rendered():
        (modules if "IfModule" in line or "LoadModule" in line else rest).append(line)
    assert modules[:3] == snapshot(
        [
            "<IfModule !mpm_event_module>",
            'LoadModule mpm_event_module "/usr/lib/apache2/modules/mod_mpm_event.so"',
            "</IfModule>",
        ]
    )
    assert len(modules) == 27
    assert "\n".join(rest) == snapshot("""\
ServerRoot "/etc/cemops-gateway"
ServerName gw1.northwind.example
PidFile "/etc/cemops-gateway/run/httpd.pid"
DefaultRuntimeDir "/etc/cemops-gateway/run"
Mutex "file:/etc/cemops-gateway/run" default
ThreadLimit 55
ServerLimit 3
StartServers 1
ThreadsPerChild 55
MaxRequestWorkers 55
MinSpareThreads 55
MaxSpareThreads 110
AsyncRequestWorkerFactor 2
MaxConnectionsPerChild 0
ReadBufferSize 65536
Timeout 600
ProxyTimeout 20
RequestReadTimeout handshake=20 header=10-20,MinRate=500 body=10
KeepAlive Off
Protocols http/1.1
HttpProtocolOptions Strict
LimitRequestLine 1024
TraceEnable Off
ServerTokens Prod
LogLevel warn ssl:info
ErrorLog "/etc/cemops-gateway/logs/error.log"
LogFormat "%t %a \\"%{SSL_CLIENT_S_DN}x\\" serial=%{SSL_CLIENT_M_SERIAL}x %{SSL_PROTOCOL}x \\"%r\\" %>s in=%I out=%O ms=%{ms}T" gateway
CustomLog "/etc/cemops-gateway/logs/access.log" gateway
<Directory "/">
AllowOverride None
Require all denied
</Directory>
SSLSessionCache none
Listen 443 https
<VirtualHost *:443>
ServerName gw1.northwind.example
SSLEngine on
SSLProtocol -all +TLSv1.2 +TLSv1.3
SSLCipherSuite ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384
SSLHonorCipherOrder on
SSLCompression off
SSLSessionTickets off
SSLCertificateFile "/etc/cemops-gateway/tls/aa.crt"
SSLCertificateKeyFile "/etc/cemops-gateway/tls/aa.key"
SSLVerifyClient require
SSLVerifyDepth 3
SSLOptions +StrictRequire
SSLCACertificateFile "/etc/cemops-gateway/releases/0123456789ab.1/client-ca.pem"
SSLCARevocationFile "/etc/cemops-gateway/releases/0123456789ab.1/client-crl.pem"
SSLCARevocationCheck leaf
ProxyRequests On
AllowCONNECT 4726 8443
ProxyBlock 127.0.0.1 ::1 203.0.113.11
<Proxy "*">
Require all denied
</Proxy>
<ProxyMatch "(?i)^ns1[.]corp[.]northwind[.]example:4726$">
Require all granted
</ProxyMatch>
<ProxyMatch "(?i)^ns1:4726$">
Require all granted
</ProxyMatch>
<ProxyMatch "(?i)^ps2[.]corp[.]northwind[.]example:8443$">
Require all granted
</ProxyMatch>
</VirtualHost>\
""")


def test_every_comment_line_is_short_and_no_line_ends_in_a_continuation() -> None:
    for line in render_httpd_conf(INPUTS).splitlines():
        assert not line.endswith(("\\", " "))
        if line.strip().startswith("#"):
            assert len(line) <= 130


def test_a_target_of_the_topology_is_listed() -> None:
    target = Target(server="ns9", kind="notification_server", host="ns9.corp.example", port=9443)
    found = rendered(targets=(target,))
    assert '<ProxyMatch "(?i)^ns9[.]corp[.]example:9443$">' in found
    assert "AllowCONNECT 9443" in found


def test_ports_are_allowed_once_each() -> None:
    assert "AllowCONNECT 4726 8443" in rendered()


def test_there_is_one_virtual_host_for_all_addresses() -> None:
    found = rendered(listen=(("203.0.113.11", 443), ("2001:db8::1", 443)))
    assert [line for line in found if line.startswith("Listen")] == [
        "Listen 203.0.113.11:443 https",
        "Listen [2001:db8::1]:443 https",
    ]
    assert [line for line in found if line.startswith("<VirtualHost")] == [
        "<VirtualHost 203.0.113.11:443 [2001:db8::1]:443>"
    ]


@pytest.mark.parametrize(
    ("has_crl", "every", "expected"),
    [
        (False, False, "SSLCARevocationCheck none"),
        (True, False, "SSLCARevocationCheck leaf no_crl_for_cert_ok"),
        (True, True, "SSLCARevocationCheck leaf"),
    ],
)
def test_revocation_is_as_strict_as_the_lists_allow(has_crl: bool, every: bool, expected: str) -> None:
    found = rendered(has_crl=has_crl, every_ca_has_crl=every)
    assert expected in found
    assert any(line.startswith("SSLCARevocationFile") for line in found) is has_crl


def test_user_and_group_stand_only_where_root_starts_httpd() -> None:
    assert not [line for line in rendered() if line.startswith(("User ", "Group "))]
    found = rendered(account="cemgw", group="cemgw")
    assert ("User cemgw" in found, "Group cemgw" in found) == (True, True)


def test_fips_is_on_only_where_declared() -> None:
    assert "SSLFIPS on" in rendered(fips=True)
    assert not [line for line in rendered() if "FIPS" in line]


def test_only_the_declared_tls_versions_are_offered() -> None:
    assert "SSLProtocol -all +TLSv1.3" in rendered(tls=("1.3",))
    assert "SSLProtocol -all +TLSv1.2 +TLSv1.3" in rendered(tls=("1.3", "1.2"))


def test_the_rehearsal_can_listen_log_and_keep_its_pid_elsewhere() -> None:
    found = rendered(listen=(("127.0.0.1", 9),), pid_file="/tmp/r/pid", log_dir="/tmp/r")
    assert 'PidFile "/tmp/r/pid"' in found
    assert 'ErrorLog "/tmp/r/error.log"' in found
    assert 'CustomLog "/tmp/r/access.log" gateway' in found
    assert "Listen 127.0.0.1:9 https" in found


def test_the_same_inputs_give_the_same_bytes() -> None:
    assert render_httpd_conf(INPUTS) == render_httpd_conf(replace(INPUTS))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": ()}, "lists no server"),
        ({"account": "cemgw"}, "primary group"),
        ({"tls": ()}, "No TLS version"),
        ({"tls": ("1.1",)}, r"TLS 1\.1 is not offered"),
        ({"listen": ()}, "listens nowhere"),
        ({"listen": (("*", 443), ("10.0.0.1", 443))}, "Port 443 is listened on twice"),
        ({"listen": (("10.0.0.1", 443), ("10.0.0.1", 443))}, "Port 443 is listened on twice"),
        ({"listen": (("gw1.example", 443),)}, "no address to listen on"),
        ({"proxy_block": ("127.0.0.0/8",)}, "cannot stand in an Apache directive"),
    ],
)
def test_what_would_be_no_gateway_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CemopsError, match=message):
        rendered(**changes)


CORPUS = [
    'a"b', "a'b", "a\nListen 80", "a\r\nListen 80", "%0a", "</VirtualHost>", "$(id)", "`id`", "../..", "a\0b",
    "a\u202eb", "x" * 300, "${PATH}", "a b", "a\\", "#", ".*", "ns1.corp.example$|.*", "\u2028", "(?i)", "münchen.example",
]  # fmt: skip


def outcome(changes: dict[str, Any]) -> list[str] | None:
    """The directives, or None where a value was refused."""
    try:
        return rendered(**changes)
    except CemopsError:
        return None


def names_only(line: str) -> str:
    return re.split(r"[ >]", line, maxsplit=1)[0]


EXPECTED_NAMES = [names_only(line) for line in rendered()]


@pytest.mark.parametrize("text", CORPUS)
@pytest.mark.parametrize(
    "field", ["fqdn", "account", "root", "certificate", "key", "release_dir", "log_dir", "modules_dir"]
)
def test_no_text_in_any_field_adds_a_directive(field: str, text: str) -> None:
    value = f"/{text}" if field not in {"fqdn", "account"} else text
    found = outcome({field: value, "group": "g"})
    if found is not None:
        extra = {"User", "Group"} if field == "account" else set()
        assert [name for name in map(names_only, found) if name not in extra] == EXPECTED_NAMES


@pytest.mark.parametrize("text", CORPUS)
def test_no_text_as_a_listed_host_opens_more_than_itself(text: str) -> None:
    found = outcome({"targets": (Listed(text, 1), *INPUTS.targets[1:])})
    if found is not None:
        assert list(map(names_only, found)) == EXPECTED_NAMES
        line = next(line for line in found if line.startswith("<ProxyMatch"))
        pattern = re.compile(line.removeprefix('<ProxyMatch "').removesuffix('">'))
        assert pattern.search(f"{text}:1")
        assert not pattern.search("ns1.corp.example:4726")
        assert not pattern.search("anything:1")


LABEL = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
NAMES = st.lists(LABEL, min_size=2, max_size=5).map(".".join)


def accepted(kind: Any, text: str) -> bool:
    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return False
    return True


@given(
    fqdn=NAMES.filter(lambda text: accepted(Fqdn, text)),
    host=(NAMES | LABEL).filter(lambda text: accepted(ServerName, text)),
    port=st.integers(1, 65_535),
    address=st.ip_addresses().map(str).filter(lambda text: accepted(ListenAddress, text)),
)
def test_every_name_address_and_port_of_the_model_renders_to_the_same_lines(
    fqdn: str, host: str, port: int, address: str
) -> None:
    assert TypeAdapter(Port).validate_python(port) == port
    targets = (Listed(host, port), *INPUTS.targets[1:])
    found = rendered(fqdn=fqdn, targets=targets, listen=((address, port),))
    assert list(map(names_only, found)) == EXPECTED_NAMES


SIGNS = st.characters(min_codepoint=0x20, max_codepoint=0x17F, exclude_categories=["C"], exclude_characters="/")
PATHS = st.lists(st.text(SIGNS, min_size=1, max_size=12), min_size=1, max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)


@given(PATHS.filter(lambda text: accepted(PosixPath, text)))
def test_every_path_of_the_model_renders_to_the_same_lines_or_is_refused(path: str) -> None:
    found = outcome({"root": path, "release_dir": f"{path}/releases/1", "key": f"{path}/tls/k"})
    if found is None:
        assert "${" in path
    else:
        assert list(map(names_only, found)) == EXPECTED_NAMES
