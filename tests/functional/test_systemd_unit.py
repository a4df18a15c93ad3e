"""The rendered unit, judged by systemd's own reader. No systemd runs here."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cemops.planning.sizing import gateway_sizing
from cemops.rendering.gateway_unit import GatewayUnitInputs, render_gateway_unit

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

INPUTS = GatewayUnitInputs(
    fqdn="gw1.example",
    httpd=shutil.which("true") or "/bin/true",
    root="/etc/cemops-gateway",
    account="daemon",
    sizing=gateway_sizing(15_000),
)


@pytest.mark.parametrize("root", ["/etc/cemops-gateway", '/srv/a b "c" 100% $HOME', "/srv/ümlaut\\x20"])
@pytest.mark.parametrize("group", [None, "daemon"])
def test_systemd_finds_nothing_to_say_about_the_unit(tmp_path: Path, root: str, group: str | None) -> None:
    unit = tmp_path / "cemops-gateway.service"
    unit.write_text(render_gateway_unit(replace(INPUTS, root=root, group=group)))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_systemd_would_see_a_setting_it_does_not_know(tmp_path: Path) -> None:
    unit = tmp_path / "cemops-gateway.service"
    unit.write_text(render_gateway_unit(INPUTS).replace("TasksMax=", "TaskMax="))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert "TaskMax" in done.stderr
