"""Staged rollouts on a lab: a gate that fails leaves the rest alone, and the way on is said."""

from __future__ import annotations

import json
import os
import signal

import pytest

from cemops.lab.estate_lab import Lab
from cemops.lab.folder import read_state

pytestmark = pytest.mark.slow


def end_process(lab: Lab, host: str) -> None:
    """End the machine of a host, as a power cut would."""
    state = read_state(lab.folder)
    assert state is not None
    for process in state.processes:
        if process.host == host:
            os.kill(process.identity.pid, signal.SIGKILL)


def test_a_gateway_through_which_a_server_is_missed_stops_the_rollout_before_the_next(lab: Lab) -> None:
    servers = lab.cemops("apply", "--yes", "--limit", "notification_servers,site_servers")
    assert servers.returncode == 0, servers.stdout + servers.stderr
    end_process(lab, "ps2")

    stopped = lab.cemops("apply", "--yes", "--limit", "gw1,gw2", "--canary", "gw2")

    said = stopped.stdout + stopped.stderr
    assert stopped.returncode == 1, said
    assert "the health gate after gw2 failed" in stopped.stderr
    assert "ps2" in stopped.stderr
    assert "cemops apply --limit gw1" in stopped.stderr
    plan = lab.cemops("plan", "--limit", "gw1,gw2", "--format", "json")
    status = {host["host"]: host["status"] for host in json.loads(plan.stdout)["hosts"]}
    assert status == {"gw1": "changes", "gw2": "in-sync"}
