from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from defusedxml.ElementTree import fromstring
from typer.testing import CliRunner

from cemops.cli import validate
from cemops.errors import UsageError
from tests.unit.sample_estate import sample_data

EXAMPLE = Path("tests/cases/estate-example.yaml")
CANARY = "hunter2-canary"


def run(*arguments: str, **environ: str) -> Any:
    app = typer.Typer()
    validate.register(app)
    return CliRunner().invoke(app, list(arguments), env=environ)


def run_on(text: str, folder: Path, *arguments: str) -> Any:
    file = folder / "estate.yaml"
    file.write_text(text)
    return run("--estate", str(file), *arguments)


def run_json(text: str, folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    result = run_on(text, folder, "--format", "json", *arguments)
    return result.exit_code, json.loads(result.stdout)


def as_yaml(changes: dict[str, Any] | None = None) -> str:
    return yaml.safe_dump(sample_data(changes), sort_keys=False)


def test_clean_estate_is_one_line_and_exit_0(tmp_path: Path) -> None:
    result = run_on(as_yaml(), tmp_path)
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path / 'estate.yaml'}: no findings\n")


def test_example_has_no_error_and_exits_0() -> None:
    result = run("--estate", str(EXAMPLE), "--format", "json")
    summary = json.loads(result.stdout)["summary"]
    assert (result.exit_code, summary["errors"], summary["warnings"]) == (0, 0, 1)


def test_json_is_the_contract(tmp_path: Path) -> None:
    code, report = run_json(as_yaml({"gateways.0.capacity": {"endpoints": 35001}}), tmp_path)
    finding = report["findings"][0]
    assert code == 1
    assert (report["schema"], report["summary"]) == (1, {"errors": 1, "warnings": 0, "infos": 0})
    assert set(finding) >= {"rule", "severity", "path", "message", "fact", "file", "line"}
    assert (finding["rule"], finding["severity"], finding["fact"]) == ("CEM123", "error", "IG-04")
    assert finding["path"] == "gateways[0].capacity.endpoints"
    assert finding["file"] == str(tmp_path / "estate.yaml")
    line = (tmp_path / "estate.yaml").read_text().splitlines()[finding["line"] - 1]
    assert line.strip() == "endpoints: 35001"


def test_json_of_a_clean_estate_is_an_empty_list(tmp_path: Path) -> None:
    code, report = run_json(as_yaml(), tmp_path)
    assert (code, report["findings"]) == (0, [])


def test_warning_exits_0_and_with_strict_1(tmp_path: Path) -> None:
    text = as_yaml({"policies.0.gateways": ["gw1"]})
    assert run_on(text, tmp_path).exit_code == 0
    assert run_on(text, tmp_path, "--strict").exit_code == 1


def test_strict_counts_infos(tmp_path: Path) -> None:
    text = as_yaml({"site_servers.0.overrides": {"web": {"cem": {"port": 5000}}}})
    assert run_on(text, tmp_path).exit_code == 0
    assert run_on(text, tmp_path, "--strict").exit_code == 1


def test_clean_estate_passes_strict(tmp_path: Path) -> None:
    assert run_on(as_yaml(), tmp_path, "--strict").exit_code == 0


def test_missing_file_is_an_info_until_it_is_there(tmp_path: Path) -> None:
    text = as_yaml({"gateways.0.certificate": {"pfx": "certs/gw1.pfx"}})
    code, report = run_json(text, tmp_path)
    assert code == 0
    assert [(found["rule"], found["severity"], found["path"]) for found in report["findings"]] == [
        ("CEM003", "info", "gateways[0].certificate.pfx")
    ]
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs/gw1.pfx").touch(mode=0)  # a look is enough: it is never opened
    assert run_json(text, tmp_path)[1]["findings"] == []


def test_text_model_and_reference_problems_are_findings_together_with_their_lines(tmp_path: Path) -> None:
    text = """\
cemops: 1
estate: x
authorities:
  r: {kind: ns-root, source: local, passphrase: env:P}
notification_servers:
  - name: ns1
    fqdn: ns1
    root_authority: r
gateways:
  - name: gw1
    fqdn: gw1.example
    lisen: {port: 443}
    servers:
      - {notification_server: ns1}
      - {notification_server: nss1}
sizing: {client_computers: 10, cloud_enabled_percent: 30}
sizing: {client_computers: 20, cloud_enabled_percent: 30}
"""
    code, report = run_json(text, tmp_path)
    assert code == 1
    assert [(found["rule"], found["line"], found["severity"]) for found in report["findings"]] == [
        ("CEM001", 7, "error"),
        ("CEM001", 12, "error"),
        ("CEM002", 15, "error"),
        ("CEM000", 17, "error"),
    ]
    assert "did you mean 'listen'?" in report["findings"][1]["message"]
    assert report["findings"][2]["message"].endswith("'nss1': declare it in notification_servers, or remove it here")


def test_broken_yaml_is_one_finding_with_its_line(tmp_path: Path) -> None:
    code, report = run_json("cemops: 1\nestate: [x\n", tmp_path)
    assert code == 1
    assert [found["rule"] for found in report["findings"]] == ["CEM000"]
    assert report["findings"][0]["line"] >= 2


def test_missing_estate_file_is_a_finding_and_exit_1(tmp_path: Path) -> None:
    result = run("--estate", str(tmp_path / "none.yaml"), "--format", "json")
    (found,) = json.loads(result.stdout)["findings"]
    assert (result.exit_code, found["rule"]) == (1, "CEM000")
    assert "there is no such estate file" in found["message"]


def test_estate_comes_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(as_yaml())
    result = run(CEMOPS_ESTATE=str(tmp_path / "mine.yaml"))
    assert result.stdout == f"{tmp_path / 'mine.yaml'}: no findings\n"


def test_text_groups_by_severity_and_sums_up(tmp_path: Path) -> None:
    changes = {
        "policies.0.gateways": ["gw1"],
        "gateways.1.listen.port": 50120,
        "notification_servers.0.agent_site.port": 50121,
    }
    result = run_on(as_yaml(changes), tmp_path)
    lines = result.stdout.splitlines()
    heads = [line.split()[1:] for line in lines if line.startswith(str(tmp_path)) and " CEM" in line]
    assert heads == [
        ["error", "CEM402", "PT-05"],
        ["error", "CEM402", "PT-05"],
        ["error", "CEM401", "PT-05"],
        ["warning", "CEM101", "IG-03"],
    ]
    assert lines[-1] == f"{tmp_path / 'estate.yaml'}: 3 errors, 1 warning, 0 infos"
    assert all(len(line) <= 80 for line in lines if not line.startswith(str(tmp_path)))


@pytest.mark.parametrize("output", ["text", "json"])
def test_secret_written_into_the_file_is_not_repeated(tmp_path: Path, output: str) -> None:
    result = run_on(as_yaml({"pki": {"passphrase": CANARY}}), tmp_path, "--format", output)
    assert result.exit_code == 1
    assert CANARY not in result.output


def test_piped_text_has_no_color(tmp_path: Path) -> None:
    assert "\x1b" not in run_on(as_yaml({"policies.0.gateways": ["gw1"]}), tmp_path).stdout


@pytest.mark.parametrize("now", ["2026-01-31", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00+02:00"])
def test_time_may_be_given(tmp_path: Path, now: str) -> None:
    assert run_on(as_yaml(), tmp_path, "--now", now).exit_code == 0


def test_time_that_is_none_is_wrong_usage(tmp_path: Path) -> None:
    result = run_on(as_yaml(), tmp_path, "--now", "tomorrow")
    assert isinstance(result.exception, UsageError)
    assert result.exception.exit_code == 64


@pytest.mark.parametrize("format_", ["json", "sarif", "junit", "github", "gitlab"])
@pytest.mark.parametrize(
    ("changes", "arguments", "code"),
    [
        ({}, (), 0),
        ({"policies.0.gateways": ["gw1"]}, (), 0),
        ({"policies.0.gateways": ["gw1"]}, ("--strict",), 1),
        ({"gateways.0.capacity": {"endpoints": 35001}}, (), 1),
        ({"gateways.0.lisen": 1}, (), 1),
    ],
)
def test_the_exit_code_is_the_same_in_every_format(
    tmp_path: Path, format_: str, changes: dict[str, Any], arguments: tuple[str, ...], code: int
) -> None:
    result = run_on(as_yaml(changes), tmp_path, "--format", format_, *arguments)
    assert (result.exit_code, result.stderr) == (code, "")


def test_sarif_names_the_file_as_the_repository_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run_on(as_yaml({"policies.0.gateways": ["gw1"]}), tmp_path, "--format", "sarif")
    found = json.loads(result.stdout)["runs"][0]["results"][0]
    assert found["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "estate.yaml"}


def test_github_has_a_line_for_each_finding_and_none_for_a_clean_estate(tmp_path: Path) -> None:
    assert run_on(as_yaml(), tmp_path, "--format", "github").stdout == ""
    lines = run_on(as_yaml({"policies.0.gateways": ["gw1"]}), tmp_path, "--format", "github").stdout.splitlines()
    assert lines
    assert all(line.startswith("::warning file=") for line in lines)


def test_gitlab_and_junit_say_nothing_beside_their_document(tmp_path: Path) -> None:
    text = as_yaml({"policies.0.gateways": ["gw1"]})
    assert json.loads(run_on(as_yaml(), tmp_path, "--format", "gitlab").stdout) == []
    assert json.loads(run_on(text, tmp_path, "--format", "gitlab").stdout)[0]["check_name"] == "CEM101"
    assert fromstring(run_on(text, tmp_path, "--format", "junit").stdout).get("failures") == "0"
    assert fromstring(run_on(text, tmp_path, "--format", "junit", "--strict").stdout).get("failures") != "0"
