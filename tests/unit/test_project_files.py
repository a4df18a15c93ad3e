"""What the project promises about its own files: the lock, the make targets, names, sizes, marks, links."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import cemops

ROOT = Path(__file__).resolve().parents[2]
MADE = {
    ".git",
    ".venv",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".import_linter_cache",
    ".hypothesis",
    ".pytest_cache",
    ".lab",
    ".cemops",
    "dist",
    "build",
}
LOCKS = ("runtime.txt", "dev.txt")

Lock = dict[str, tuple[str, tuple[str, ...]]]


def project_files() -> Iterator[Path]:
    """Every file of the project, without what tools and runs leave behind."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in MADE and not name.endswith(".egg-info")]
        yield from (Path(folder, name) for name in names)


def python_files(*top: str) -> list[Path]:
    return [path for path in project_files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in top]


def read_text(path: Path) -> str | None:
    """The text of a file; None for a binary one, or one that somebody removed meanwhile."""
    try:
        return path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, FileNotFoundError):
        return None


def pyproject() -> dict[str, dict[str, object]]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def declared(extra: str | None = None) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = project["dependencies"] if extra is None else project["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


def read_lock(name: str) -> Lock:
    """Locked releases: canonical name to version and hashes. A line of any other form fails the test."""
    lock: Lock = {}
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        first, *rest = stripped.split()
        match = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.]+)", first)
        assert match, f"{name}: not a pinned release: {first}"
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", word) for word in rest), f"{name}: {first}"
        lock[canonicalize_name(match[1])] = (match[2], tuple(rest))
    return lock


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_release_has_hashes(name: str) -> None:
    lock = read_lock(name)
    assert [release for release, (_, hashes) in lock.items() if not hashes] == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_index_and_no_path(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    assert not re.search(r"://|--index|--extra-index|--find-links|--trusted-host|(^|\s)/\w", text, re.MULTILINE)


def test_the_development_lock_holds_the_runtime_lock_unchanged() -> None:
    assert read_lock("runtime.txt").items() <= read_lock("dev.txt").items()


@pytest.mark.parametrize(("name", "extra"), [("runtime.txt", None), ("dev.txt", None), ("dev.txt", "dev")])
def test_the_lock_satisfies_what_the_project_declares(name: str, extra: str | None) -> None:
    lock = read_lock(name)
    wrong = [
        str(requirement)
        for requirement in declared(extra)
        if canonicalize_name(requirement.name) not in lock
        or not requirement.specifier.contains(lock[canonicalize_name(requirement.name)][0])
    ]
    assert wrong == []


def test_there_is_one_lock_format() -> None:
    assert [path.name for path in project_files() if path.name in {"uv.lock", "poetry.lock", "Pipfile.lock"}] == []


def test_no_file_names_a_package_index() -> None:
    address = re.compile(
        r"https?://[^\"' ]+/(simple([/\"' ]|$)|packages/[0-9a-f]{2}/|[^\"' ]+\.(whl|tgz|deb)([\"'# ]|$))",
        re.MULTILINE,
    )
    found = [str(path.relative_to(ROOT)) for path in project_files() if address.search(read_text(path) or "")]
    assert found == []


def test_the_versions_agree() -> None:
    version = pyproject()["project"]["version"]
    assert version == cemops.__version__
    assert f"{version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("target", ["setup", "lab", "test", "check", "bench", "payload"])
def test_the_makefile_has_the_contract_targets(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    assert re.search(rf"^\.PHONY: {target}$", makefile, re.MULTILINE)


def test_ci_runs_the_checks_and_then_every_test() -> None:
    run = ROOT / ".ci" / "run"
    assert os.access(run, os.X_OK)
    assert re.findall(r"^make (\w+)", run.read_text(encoding="utf-8"), re.MULTILINE) == ["check", "test"]


def test_a_commit_hook_runs_the_same_check_and_fetches_nothing() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert "entry: make check" in text
    assert re.findall(r"repo: (\S+)", text) == ["local"]


def test_modules_stay_readable_in_one_sitting() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in python_files("cemops", "deploys", "inventory", "group_data", "config.py")
        if (lines := (read_text(path) or "").count("\n")) > 400
    }
    assert long == {}


def test_no_module_or_folder_has_a_name_that_says_nothing() -> None:
    empty = re.compile(r"(utils?|helpers?|common|misc|manager)(\.py)?")
    found = [
        str(path.relative_to(ROOT))
        for path in project_files()
        if any(empty.fullmatch(part) for part in path.relative_to(ROOT).parts)
    ]
    assert found == []


def test_test_modules_have_names_of_their_own() -> None:
    names = [path.name for path in python_files("tests") if path.name not in {"conftest.py", "__init__.py"}]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def test_no_unfinished_work_is_marked() -> None:
    mark = re.compile("NotImplementedError|TODO|FIXME|XXX|pragma: no cover")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in python_files("cemops", "deploys", "inventory", "group_data", "config.py")
        for number, line in enumerate((read_text(path) or "").splitlines(), start=1)
        if mark.search(line)
    ]
    assert found == []


def test_a_silenced_check_names_its_code_and_its_reason() -> None:
    silenced = re.compile(r"#\s*(noqa|type:\s*ignore)(.*)")
    reasoned = re.compile(r"(: [A-Z]+\d+(, ?[A-Z]+\d+)*|\[[a-z-]+(, ?[a-z-]+)*\])\s*(#|-|\().*\w.*")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in python_files("cemops", "deploys", "inventory", "group_data", "config.py", "tests")
        if path != Path(__file__).resolve()
        for number, line in enumerate((read_text(path) or "").splitlines(), start=1)
        for match in [silenced.search(line)]
        if match and not reasoned.fullmatch(match[2])
    ]
    assert found == []


def test_the_decisions_are_all_listed() -> None:
    folder = ROOT / "docs" / "adr"
    index = (folder / "README.md").read_text(encoding="utf-8")
    pages = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert re.findall(r"\]\((\d{4}-[a-z-]+\.md)\)", index) == pages


def test_links_between_pages_lead_to_files() -> None:
    broken = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in project_files()
        if path.suffix == ".md"
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", read_text(path) or "")
        if not (path.parent / target).exists()
    ]
    assert broken == []
