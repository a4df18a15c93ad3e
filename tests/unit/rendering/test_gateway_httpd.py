from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from inline_snapshot import snapshot

from cemops.errors import CemopsError
from cemops.model.topology import Target
from cemops.rendering.gateway_httpd import render_httpd_conf
from tests.unit.rendering.httpd_inputs import INPUTS, rendered


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
