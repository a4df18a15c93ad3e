"""The stock pyinfra command on Windows servers: the same changes and the same guards as cemops, each host for itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.windows.windows_site import (
    AGENT_PORT,
    CEM_PORT,
    ISSUED,
    PASSWORD,
    ROOT,
    WindowsSite,
    serving,
    thumbprint_of,
)

pytestmark = pytest.mark.slow

PYINFRA = str(Path(sys.executable).parent / "pyinfra")
SITE_SERVERS = "deploys/site_servers.py"
AGENT_SITE = "deploys/agent_site.py"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[WindowsSite]:
    with WindowsSite(tmp_path / "site") as made:
        yield made


def pyinfra(site: WindowsSite, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PYINFRA, "inventory", *words],
        cwd=ROOT,
        env={**os.environ, "CEMOPS_ESTATE": str(site.folder / "estate.yaml")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    """Everything that was said, colours and line breaks left out."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr).split())


def test_both_deploys_make_what_cemops_plans_and_a_second_run_changes_nothing(site: WindowsSite) -> None:
    site.add_notification_server()
    site.add_site_server("ps1")
    site.start()
    planned = site.plan()

    looked = [pyinfra(site, deploy, "--dry") for deploy in (AGENT_SITE, SITE_SERVERS)]
    assert [done.returncode for done in looked] == [0, 0], said(looked[0]) + said(looked[1])
    assert [site.calls(name) for name in ("ns1", "ps1")] == [[], []]
    for done, name in zip(looked, ("ns1", "ps1"), strict=True):
        wanted = {f"{change['action']} {change['resource']} {change['name']}" for change in planned[name]["changes"]}
        assert [one for one in wanted if one not in said(done)] == []

    made = [pyinfra(site, deploy, "-y") for deploy in (AGENT_SITE, SITE_SERVERS)]
    assert [done.returncode for done in made] == [0, 0], said(made[0]) + said(made[1])
    assert None not in {site.presented("ns1", AGENT_PORT), site.presented("ps1", CEM_PORT)}
    assert {host["status"] for host in site.plan().values()} == {"in-sync"}
    calls = [site.calls(name) for name in ("ns1", "ps1")]

    again = [pyinfra(site, deploy, "-y") for deploy in (AGENT_SITE, SITE_SERVERS)]
    assert [done.returncode for done in again] == [0, 0]
    assert [site.calls(name) for name in ("ns1", "ps1")] == calls
    assert PASSWORD not in "".join(said(done) for done in (*looked, *made, *again))


def test_who_would_be_cut_off_is_guarded_and_a_dead_host_aborts_no_other(site: WindowsSite) -> None:
    site.declare_notification_server()
    old = site.old_certificate("cutting.corp.test.example")
    site.add_site_server("down")
    site.add_site_server(
        "cutting",
        making=serving(old),
        cem={"port": CEM_PORT, "install_certificate": True, "force_overwrite": True, "certificate": dict(ISSUED)},
    )
    site.add_site_server("refusing")
    site.add_site_server("fine")
    site.start()
    site.stop("down")
    site.faults("refusing", refuses=["Add-Binding"])

    done = pyinfra(site, SITE_SERVERS, "-y")

    text = said(done)
    assert done.returncode == 1, text
    assert "refuses the connection" in text
    assert "this would cut agents off" in text
    assert "cemops apply --accept-lockout" in text
    assert "the machine refuses Add-Binding" in text
    assert "Traceback" not in text
    assert site.presented("cutting", CEM_PORT) == thumbprint_of(old)
    assert site.calls("cutting") == []
    assert site.presented("refusing", CEM_PORT) is None
    assert site.presented("fine", CEM_PORT) is not None
