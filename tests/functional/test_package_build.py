"""The package that somebody installs: what has to be in it beside the modules."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=True,
    )
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_package_holds_every_template_and_shell_program(wheel: zipfile.ZipFile) -> None:
    templates = {f"cemops/{path.relative_to(ROOT)}" for path in (ROOT / "templates").rglob("*.j2")}
    programs = {str(path.relative_to(ROOT)) for path in (ROOT / "cemops").rglob("*.sh")}
    assert templates
    assert programs
    assert templates | programs <= set(wheel.namelist())


def test_the_package_holds_every_schema_of_an_output(wheel: zipfile.ZipFile) -> None:
    schemas = {str(path.relative_to(ROOT)) for path in (ROOT / "cemops/rendering/schemas").glob("*.json")}
    assert len(schemas) == 4
    assert schemas <= set(wheel.namelist())


def test_init_works_from_the_package_alone(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path / "installed")
    done = subprocess.run(
        [sys.executable, "-m", "cemops", "init", "estate"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    written = {str(path.relative_to(tmp_path / "estate")) for path in (tmp_path / "estate").rglob("*.*")}
    assert {".gitlab-ci.yml", ".github/workflows/cemops.yml", "inventory/estate.yaml", "ci/apply.sh"} <= written


def test_the_package_says_that_it_is_typed(wheel: zipfile.ZipFile) -> None:
    assert "cemops/py.typed" in wheel.namelist()


def test_the_package_brings_the_command_and_the_connector(wheel: zipfile.ZipFile) -> None:
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt")]
    text = wheel.read(name).decode()
    assert "cemops = cemops.cli.main:main" in text
    assert "[pyinfra.connectors]" in text


def test_the_package_holds_nothing_but_cemops(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"cemops"}
