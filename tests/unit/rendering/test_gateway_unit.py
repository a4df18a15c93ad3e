from __future__ import annotations

from dataclasses import replace

import pytest

from cemops.errors import CemopsError
from cemops.planning.sizing import gateway_sizing
from cemops.rendering.gateway_unit import HTTPD_ENVIRONMENT, GatewayUnitInputs, render_gateway_unit

INPUTS = GatewayUnitInputs(
    fqdn="gw1.example",
    httpd="/usr/sbin/apache2",
    root="/etc/cemops-gateway",
    account="daemon",
    sizing=gateway_sizing(15_000),
)


def settings(text: str) -> list[tuple[str, str]]:
    lines = [line for line in text.splitlines() if line and line[0] not in "#["]
    return [(name, value) for name, _, value in (line.partition("=") for line in lines)]


def test_httpd_is_never_root_and_can_only_bind_ports() -> None:
    found = dict(settings(render_gateway_unit(INPUTS)))
    assert found["User"] == "daemon"
    assert "Group" not in found
    assert found["AmbientCapabilities"] == found["CapabilityBoundingSet"] == "CAP_NET_BIND_SERVICE"
    assert found["NoNewPrivileges"] == "yes"
    assert found["ReadWritePaths"] == '"/etc/cemops-gateway/run" "/etc/cemops-gateway/logs"'


def test_limits_are_those_of_the_sizing() -> None:
    found = dict(settings(render_gateway_unit(INPUTS)))
    assert (found["LimitNOFILE"], found["TasksMax"]) == ("4012", "49675")


def test_httpd_gets_the_environment_that_saves_memory() -> None:
    found = [value for name, value in settings(render_gateway_unit(INPUTS)) if name == "Environment"]
    assert found == [f"{name}={value}" for name, value in HTTPD_ENVIRONMENT]


def test_the_live_configuration_is_started_and_reloaded_by_its_link() -> None:
    found = settings(render_gateway_unit(replace(INPUTS, group="tunnels")))
    conf = '"/usr/sbin/apache2" -f "/etc/cemops-gateway/current/httpd.conf"'
    assert ("ExecStart", f"{conf} -DFOREGROUND") in found
    assert [value for name, value in found if name == "ExecReload"] == [f"{conf} -t", "/bin/kill -USR1 $MAINPID"]
    assert ("Group", "tunnels") in found


@pytest.mark.parametrize(
    "changes",
    [{"account": "x\nUser=root"}, {"root": "/a\nUser=root"}, {"httpd": "/bin/\rtrue"}, {"fqdn": "a\n[Service]"}],
)
def test_a_line_break_never_reaches_the_unit(changes: dict[str, str]) -> None:
    with pytest.raises(CemopsError):
        render_gateway_unit(replace(INPUTS, **changes))  # type: ignore[arg-type]  # only texts are changed
