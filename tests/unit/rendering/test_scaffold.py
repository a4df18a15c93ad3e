from __future__ import annotations

import ast
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from cemops import __version__
from cemops.execution.validation import validate_file
from cemops.model.document import load_estate_text
from cemops.rendering.scaffold import RENDERED, TEMPLATES, NewFile, scaffold

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FILES: dict[str, NewFile] = {str(file.path): file for file in scaffold()}
GITHUB = ".github/workflows/cemops.yml"
ACTIONS = {"actions/checkout@v4", "actions/upload-artifact@v4", "actions/download-artifact@v4"}


def parsed(path: str) -> Any:
    return yaml.safe_load(FILES[path].text)


def steps_of(job: dict[str, Any]) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = job["steps"]
    return steps


def test_every_template_is_a_file_of_the_repository() -> None:
    folder = ROOT / "templates" / TEMPLATES
    templates = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert templates == {f"{path}.j2" for path in RENDERED}


@pytest.mark.parametrize("path", FILES)
def test_every_file_is_unix_text_with_an_end_and_nothing_left_of_the_template(path: str) -> None:
    text = FILES[path].text
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert "\r" not in text
    assert not re.search(r"\{%|%\}|(?<!\$)\{\{", text)


def test_programs_are_executable_and_have_an_interpreter_and_nothing_else_has() -> None:
    programs = {path for path, file in FILES.items() if file.executable}
    assert programs == {path for path, file in FILES.items() if file.text.startswith("#!")}
    assert programs == {path for path in FILES if path.endswith(".sh")}


def filled_in() -> str:
    """Return the starter estate as somebody would fill it in."""
    text = FILES["inventory/estate.yaml"].text.replace("SHA256:CHANGE_ME", "SHA256:" + "A" * 43)
    for address in ("203.0.113.11", "203.0.113.12"):
        text = text.replace("address: CHANGE_ME", f"address: {address}", 1)
    return re.sub(r"(?<=fqdn: )(\w+)\.CHANGE_ME", r"\1.corp.example", text)


def test_the_starter_estate_once_filled_in_has_no_error_and_no_warning(tmp_path: Path) -> None:
    file = tmp_path / "estate.yaml"
    file.write_text(filled_in(), "utf-8")
    validation = validate_file(file, NOW)
    assert {str(finding.severity) for finding in validation.findings} == {"info"}


def test_every_name_address_and_key_that_is_not_filled_in_is_an_error_at_its_line(tmp_path: Path) -> None:
    file = tmp_path / "estate.yaml"
    text = FILES["inventory/estate.yaml"].text
    file.write_text(text, "utf-8")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if "CHANGE_ME" in line.partition("#")[0]]
    assert len(lines) == 9
    found = validate_file(file, NOW)
    assert found.errors
    assert [finding.line for finding in found.findings] == lines


def test_the_schema_for_editors_takes_the_starter_estate_and_refuses_a_wrong_field() -> None:
    schema = json.loads(FILES[".vscode/estate.schema.json"].text)
    estate = parsed("inventory/estate.yaml")
    jsonschema.Draft202012Validator(schema).validate(estate)
    estate["gateways"][0]["listne"] = {"port": 443}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(estate)


def test_the_editor_settings_name_files_that_are_there() -> None:
    for schema, files in json.loads(FILES[".vscode/settings.json"].text)["yaml.schemas"].items():
        assert {schema.removeprefix("./"), *files} <= FILES.keys()


@pytest.mark.parametrize(
    "path",
    [
        "config.py",
        "inventory/__init__.py",
        "group_data/gateways.py",
        *(f"deploys/{file.name}" for file in (ROOT / "deploys").glob("*.py")),
    ],
)
def test_what_pyinfra_runs_is_the_code_of_this_repository(path: str) -> None:
    def code(text: str) -> list[str]:
        body = ast.parse(text).body
        return [ast.dump(node) for node in body if not isinstance(node, ast.Expr) or isinstance(node.value, ast.Call)]

    assert code(FILES[path].text) == code((ROOT / path).read_text("utf-8"))


def test_no_file_names_an_address_to_download_from_or_holds_a_secret() -> None:
    for path, file in FILES.items():
        if path != ".vscode/estate.schema.json":
            assert "://" not in file.text, path
        assert not re.search(r"\b(pip|pipx|uv|npm|apt-get|curl|wget)\b +\S", file.text), path
        assert "PRIVATE KEY-----" not in file.text


def test_the_readme_names_the_version_that_made_it() -> None:
    assert f"version {__version__}." in FILES["README.md"].text


def test_every_file_that_a_pipeline_or_the_readme_starts_is_there() -> None:
    for path, file in FILES.items():
        for name in re.findall(r"(?<![\w/.])(?:\./)?(ci/\w+\.\w+)", file.text):
            assert name in FILES, path


# --- GitLab ------------------------------------------------------------------------------------------------------


def test_gitlab_applies_the_plan_of_the_same_pipeline_by_hand_and_one_at_a_time() -> None:
    pipeline = parsed(".gitlab-ci.yml")
    apply = pipeline["apply"]
    assert [rule["when"] for rule in apply["rules"]] == ["manual"]
    assert apply["rules"][0]["allow_failure"] is False
    assert "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH" in apply["rules"][0]["if"]
    assert apply["needs"] == [{"job": "plan", "artifacts": True}]
    assert "cemops.plan" in pipeline["plan"]["artifacts"]["paths"]
    assert apply["environment"]["name"] == "cemops-apply"
    assert apply["resource_group"]


def test_gitlab_forgives_no_job_but_the_report_whose_verdict_comes_again() -> None:
    pipeline = parsed(".gitlab-ci.yml")
    jobs = {name: job for name, job in pipeline.items() if isinstance(job, dict) and "script" in job}
    assert jobs.keys() == {"validate", "plan", "apply", "drift"}
    for name, job in jobs.items():
        assert "allow_failure" not in job
        forgiven = [line for line in job["script"] if "|| true" in line]
        assert len(forgiven) == (name == "validate")
    assert jobs["validate"]["script"][-1] == "cemops validate"


# --- GitHub ------------------------------------------------------------------------------------------------------


def test_github_uses_its_own_actions_alone_by_a_version() -> None:
    used = {step["uses"] for job in parsed(GITHUB)["jobs"].values() for step in steps_of(job) if "uses" in step}
    assert used == ACTIONS


def test_github_puts_no_expression_into_a_shell() -> None:
    for job in parsed(GITHUB)["jobs"].values():
        for step in steps_of(job):
            assert "${{" not in step.get("run", "")


def test_github_gives_every_secret_of_the_starter_estate_to_each_step_that_connects() -> None:
    wanted = {
        name.removeprefix("env:")
        for name in re.findall(r"env:\w+", re.sub(r"#.*", "", FILES["inventory/estate.yaml"].text))
    }
    assert wanted == {"CEMOPS_PKI_PASSPHRASE"}
    for name in ("plan", "apply", "drift"):
        (step,) = [step for step in steps_of(parsed(GITHUB)["jobs"][name]) if step.get("run") == f"ci/{name}.sh"]
        for secret in (*wanted, "CEMOPS_SSH_KEY"):
            assert step["env"][secret] == f"${{{{ secrets.{secret} }}}}"


def test_github_applies_after_approval_on_the_default_branch_one_at_a_time() -> None:
    jobs = parsed(GITHUB)["jobs"]
    apply = jobs["apply"]
    assert apply["needs"] == "plan"
    assert "default_branch" in apply["if"]
    assert "github.event_name != 'pull_request'" in apply["if"]
    assert apply["environment"] == "cemops-apply"
    assert apply["concurrency"] == {"group": "cemops-apply", "cancel-in-progress": False}
    assert steps_of(apply)[0]["env"] == {"APPROVAL": "${{ vars.CEMOPS_APPROVAL }}"}
    names = [step["with"]["name"] for job in ("plan", "apply") for step in steps_of(jobs[job]) if "with" in step]
    assert names[:2] == ["cemops-plan", "cemops-plan"]


def test_github_gives_a_job_no_more_rights_than_it_needs() -> None:
    workflow = parsed(GITHUB)
    assert workflow["permissions"] == {"contents": "read"}
    assert {name: job.get("permissions") for name, job in workflow["jobs"].items()} == {
        "validate": None,
        "plan": {"contents": "read", "pull-requests": "write"},
        "apply": {"contents": "write"},
        "drift": None,
    }
    assert "head.repo.full_name == github.repository" in workflow["jobs"]["plan"]["if"]


# --- the rest ----------------------------------------------------------------------------------------------------


def test_the_hook_validates_without_fetching_anything() -> None:
    (repository,) = parsed(".pre-commit-config.yaml")["repos"]
    (hook,) = repository["hooks"]
    assert (repository["repo"], hook["entry"], hook["language"]) == ("local", "cemops validate", "system")
    assert hook["pass_filenames"] is False
    assert re.search(hook["files"], "inventory/estate.yaml")


def test_every_placeholder_of_the_starter_estate_is_marked() -> None:
    lines = FILES["inventory/estate.yaml"].text.splitlines()
    for number, line in enumerate(lines):
        if re.search(r"\.example|203\.0\.113|CHANGE_ME|certs/ns1-root", line.partition("#")[0]):
            assert any("CHANGE ME" in near for near in lines[max(0, number - 2) : number + 1]), line


def test_the_estate_names_no_secret_as_a_value() -> None:
    estate = load_estate_text(filled_in(), "estate.yaml").estate
    assert estate.pki.passphrase == "env:CEMOPS_PKI_PASSPHRASE"
    assert [one.password for one in estate.credentials.values()] == [None]
