from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.windows.windows_site import (
    AGENT_PORT,
    CEM_PORT,
    HTTPS_PORT,
    ISSUED,
    WindowsSite,
    only,
    serving,
    thumbprint_of,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def site(tmp_path: Path) -> Iterator[WindowsSite]:
    with WindowsSite(tmp_path / "site") as made:
        yield made


def in_sync(site: WindowsSite) -> bool:
    return all(host["status"] == "in-sync" for host in site.plan().values())


def test_a_notification_server_and_a_site_server_are_brought_to_what_is_declared_and_stay_so(site: WindowsSite) -> None:
    site.add_notification_server()
    site.add_site_server(https={"port": HTTPS_PORT, "install_certificate": True, "certificate": dict(ISSUED)})
    site.start()
    assert site.presented("ns1", AGENT_PORT) is None

    applied = site.apply()

    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert in_sync(site)
    assert site.presented("ns1", AGENT_PORT) is not None
    assert None not in {site.presented("ps1", HTTPS_PORT), site.presented("ps1", CEM_PORT)}
    again = site.apply()
    assert again.returncode == 0
    assert "0 changed" not in again.stdout
    assert site.cemops("plan", "--detailed-exitcode").returncode == 0


def test_the_old_certificate_serves_until_the_overwrite_and_the_plan_said_who_is_cut_off(site: WindowsSite) -> None:
    old = site.old_certificate("ps1.corp.test.example")

    site.declare_notification_server()
    site.add_site_server(
        making=serving(old),
        cem={"port": CEM_PORT, "install_certificate": True, "force_overwrite": True, "certificate": dict(ISSUED)},
    )
    site.start()
    assert site.presented("ps1", CEM_PORT) == thumbprint_of(old)
    planned = site.plan()["ps1"]
    assert only(planned, "http_sys_certificate")["action"] == "replace"
    assert thumbprint_of(old) in planned["cut_off"][0]

    refused = site.apply()
    assert refused.returncode == 3
    assert site.presented("ps1", CEM_PORT) == thumbprint_of(old)

    applied = site.apply("--accept-lockout", "1")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert site.presented("ps1", CEM_PORT) not in (None, thumbprint_of(old))
    assert in_sync(site)


@pytest.mark.parametrize(
    "refused",
    ["Import-Pfx", "Add-SslCert", "Add-Binding", "Register-DeadMan"],
)
def test_a_machine_that_refuses_a_call_keeps_serving_and_the_next_apply_converges(
    site: WindowsSite, refused: str
) -> None:
    old = site.old_certificate("ps1.corp.test.example")

    site.declare_notification_server()
    site.add_site_server(
        making=serving(old),
        https={"port": HTTPS_PORT, "install_certificate": True, "certificate": dict(ISSUED)},
        cem={"port": CEM_PORT, "install_certificate": True, "force_overwrite": True, "certificate": dict(ISSUED)},
    )
    site.start()
    site.faults("ps1", refuses=[refused])

    failed = site.apply("--accept-lockout", "1")

    assert failed.returncode == 1
    assert "ps1" in failed.stderr + failed.stdout
    assert site.presented("ps1", CEM_PORT) == thumbprint_of(old)
    site.faults("ps1")
    assert site.apply("--accept-lockout", "1").returncode == 0
    assert in_sync(site)
    assert site.presented("ps1", CEM_PORT) not in (None, thumbprint_of(old))


def test_observing_costs_one_process_and_few_requests(site: WindowsSite) -> None:
    site.declare_notification_server()
    site.add_site_server()
    site.start()

    planned = site.plan()["ps1"]

    assert planned["round_trips"] == 1
    assert 0 < planned["http_requests"] <= 10
    counted = site.counts("ps1")
    assert counted["requests"] <= 12
    assert counted["connections"] == 1
