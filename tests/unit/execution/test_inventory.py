from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_file import read_estate
from cemops.execution.inventory import inventory_groups
from tests.unit.sample_estate import sample_data

SECRETS = {
    "credentials.gw-root": {
        "username": "root",
        "password": "env:GW_PASSWORD",
        "private_key_file": "keys/id",
        "private_key_passphrase": "file:pass",
    }
}


def entries(folder: Path, changes: dict[str, Any] | None = None) -> list[tuple[str, dict[str, Any]]]:
    file = folder / "estate.yaml"
    file.write_text(yaml.safe_dump(sample_data(changes)), "utf-8")
    groups = inventory_groups(EstateContext.of(read_estate(file)))
    assert list(groups) == ["notification_servers", "site_servers", "gateways"]
    return groups["gateways"]


def test_each_managed_gateway_is_a_host_with_its_own_connector(tmp_path: Path) -> None:
    found = entries(tmp_path)
    assert [name for name, _ in found] == ["@cemops-ssh/gw1", "@cemops-ssh/gw2"]
    assert [data["cemops_address"] for _, data in found] == ["203.0.113.11", "203.0.113.12"]


def test_no_secret_is_in_the_data_though_it_could_be_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GW_PASSWORD", "canary-password")
    (tmp_path / "pass").write_text("canary-passphrase", "utf-8")
    (tmp_path / "pass").chmod(0o600)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "id").write_text("canary-key", "utf-8")
    found = entries(tmp_path, SECRETS)
    assert "canary" not in json.dumps(found)
    assert found[0][1]["cemops_password"] == "env:GW_PASSWORD"
    assert found[0][1]["cemops_private_key_passphrase"] == "file:pass"


def test_nothing_in_the_data_is_a_setting_that_pyinfra_itself_reads(tmp_path: Path) -> None:
    names = {key for _, data in entries(tmp_path, SECRETS) for key in data}
    assert all(name.startswith("cemops_") for name in names)


@pytest.mark.parametrize(("become", "sudo"), [("sudo", True), ("none", None)])
def test_sudo_is_used_where_the_credential_says_so_and_nowhere_else(
    tmp_path: Path, become: str, sudo: bool | None
) -> None:
    for _, data in entries(tmp_path, {"credentials.gw-root.become": become}):
        assert data.get("_sudo") is sudo
        assert not any("sudo_password" in key or "use_sudo" in key for key in data)


def test_files_resolve_against_the_folder_of_the_estate(tmp_path: Path) -> None:
    changes = {**SECRETS, "gateways.0.connection.known_hosts": "known"}
    data = entries(tmp_path, changes)[0][1]
    assert data["cemops_private_key_file"] == str(tmp_path / "keys" / "id")
    assert data["cemops_known_hosts"] == str(tmp_path / "known")
    home = entries(tmp_path, {"credentials.gw-root.private_key_file": "~/.ssh/id"})[0][1]
    assert home["cemops_private_key_file"] == "~/.ssh/id"


def test_windows_machines_are_hosts_of_their_sections_with_references_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORTHWIND_NS_PASSWORD", "canary-password")
    groups = inventory_groups(EstateContext.of(read_estate(Path("tests/cases/estate-example.yaml"))))

    assert [name for name, _ in groups["notification_servers"]] == ["@winrm/ns1", "@winrm/ns2"]
    assert [name for name, _ in groups["site_servers"]] == ["@winrm/ps1", "@winrm/ps2"]
    data = groups["notification_servers"][0][1]
    assert (data["cemops_deploy"], data["cemops_port"]) == ("agent_site", 5986)
    assert data["cemops_password"] == "env:NORTHWIND_NS_PASSWORD"
    assert data["cemops_thumbprint"] == "5A1C0D7E22314F608819A0B3C4D5E6F708192A3B"
    assert groups["site_servers"][0][1]["cemops_ca_file"].endswith("tests/cases/certs/corp-ca.pem")
    assert "canary" not in json.dumps(groups)
