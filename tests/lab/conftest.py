"""Labs for tests: one for the whole session, for tests that change nothing of note, and one for a test alone.

pytest's own folders are closed to other accounts, and the gateways of a lab serve as another account when root
runs the tests: these folders are open.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cemops.lab.estate_lab import Lab, take_down
from tests.functional.forked_cemops import ForkedLab

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def _open_folder() -> Iterator[Path]:
    parent = Path(tempfile.mkdtemp(prefix="cemops-lab-test-"))
    parent.chmod(0o755)
    try:
        yield parent / "lab"
    finally:
        if (parent / "lab").exists():
            take_down(parent / "lab")
        shutil.rmtree(parent)


@pytest.fixture
def lab_folder() -> Iterator[Path]:
    """Where a lab can be; whatever is left there is ended afterwards."""
    with _open_folder() as folder:
        yield folder


@pytest.fixture
def lab(lab_folder: Path) -> Lab:
    """A lab of the test's own: nothing is applied yet."""
    return ForkedLab.up(lab_folder)


@pytest.fixture(scope="session")
def applied_lab() -> Iterator[Lab]:
    """A lab whose estate is applied; tests share it and leave it as they find it."""
    with _open_folder() as folder:
        lab = ForkedLab.up(folder)
        done = lab.cemops("apply", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        yield lab


@pytest.fixture(scope="session")
def shared_lab() -> Iterator[Lab]:
    """A lab that tests share; they leave it as they find it."""
    with _open_folder() as folder:
        yield ForkedLab.up(folder)
