"""A store that cannot be used says which one it is and what to do; never the password in its URL."""

from __future__ import annotations

import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from cemops.errors import StoreError
from cemops.store.location import store_location
from cemops.store.migrating import VERSIONS
from tests.functional.store.postgresql_server import PASSWORD, Server
from tests.functional.store.store_worker import store_at

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


def trouble(url: str) -> str:
    """What is said of a store that cannot be used, whole chain included."""
    with pytest.raises(StoreError) as caught:
        store_at(url).lock("cemops apply")
    error: BaseException = caught.value
    assert PASSWORD not in repr(error)
    assert quote(PASSWORD, safe="") not in repr(error)
    assert error.__cause__ is None
    return str(error)


def test_a_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    store_at(f"sqlite:///{tmp_path / '.cemops' / 'state.db'}").lock("cemops apply")
    assert stat.S_IMODE((tmp_path / ".cemops").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / ".cemops" / "state.db").stat().st_mode) == 0o600


def test_a_store_from_a_newer_cemops_is_left_alone(store_url: str) -> None:
    with store_at(store_url).database.writing() as connection:
        connection.execute(text("UPDATE cemops_version SET version_num = 'v9999'"))
    said = trouble(store_url)
    assert (
        f"was written by a newer cemops (its tables are at v9999, this one knows {VERSIONS[-1]}): update cemops" in said
    )


def test_a_file_that_is_no_store_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    file.write_bytes(b"somebody's notes" * 100)
    assert trouble(f"sqlite:///{file}").startswith(f"the store {file} is no SQLite file: put its backup back")
    assert file.read_bytes() == b"somebody's notes" * 100


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / ".cemops").write_text("a file")
    said = trouble(f"sqlite:///{tmp_path}/.cemops/state.db")
    assert (
        said
        == f"the store {tmp_path}/.cemops/state.db cannot be used (File exists): make its folder one that you can write"
    )


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other accounts can enter; pytest's own are closed to them."""
    folder = Path(tempfile.mkdtemp(prefix="cemops-store-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_a_file_that_this_account_may_only_read_is_read_only(open_folder: Path) -> None:
    url = f"sqlite:///{open_folder / 'state.db'}"
    program = (
        "import os\nfrom tests.functional.store.store_worker import store_at\n"
        f"store = store_at({url!r})\nos.chmod({str(open_folder / 'state.db')!r}, 0o444)\n"
        "if os.geteuid() == 0: os.seteuid(65534)\n"  # root may write everything
        "store.lock('x')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert "state.db is read-only: make the file and its folder writable for this account" in done.stderr


def test_a_file_that_somebody_else_writes_all_the_time_is_busy(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    with store_at(url).database.writing():
        program = (
            "import cemops.store.database as d; d.WAIT_SECONDS = 0.1\n"
            f"from tests.functional.store.store_worker import store_at\nstore_at({url!r}).lock('x')"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
        )
    assert "state.db is being written by another process all the time" in done.stderr


def test_a_server_that_is_not_there_is_named(postgresql: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said = trouble(postgresql.url("cemops", port=port))
    where = f"the store (PostgreSQL database cemops on 127.0.0.1:{port})"
    assert said == f"{where} cannot be reached (connection refused): start the server, or check host and port"


def test_a_wrong_password_is_said_and_not_shown(postgresql: Server) -> None:
    said = trouble(postgresql.url("postgres", password="another@secret/7"))
    assert "refuses the user or the password" in said
    assert "another" not in said


def test_a_database_that_is_not_there_is_named(postgresql: Server) -> None:
    assert "PostgreSQL database nowhere on" in (said := trouble(postgresql.url("nowhere")))
    assert "does not exist" in said


def test_a_database_that_may_only_be_read_is_read_only(postgresql: Server) -> None:
    database = postgresql.new_database()
    store_at(postgresql.url(database))
    postgresql.run(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    assert "is read-only: connect to the primary" in trouble(postgresql.url(database))


def test_a_user_without_rights_is_told(postgresql: Server) -> None:
    database = postgresql.new_database()
    postgresql.run(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'", database)
    said = trouble(postgresql.url(database).replace("//cemops:", "//reader:"))
    assert "gives this user too few rights" in said


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://cemops:hunter2@example@db.example/cemops",
        "postgresql://cemops:hunter2:example@db.example",
        "postgresql://cemops:hun@ter2:x@db.example:port/cemops",
        "mysql://cemops:hunter2@db.example/cemops",
        "hunter2",
        "sqlite://",
        "sqlite://hunter2/file",
    ],
)
def test_a_url_that_is_not_understood_is_not_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(StoreError, match=r"the URL in change.store") as caught:
        store_location(tmp_path, SecretStr(url))
    for part in ("hunter2", "ter2", "example@"):
        assert part not in str(caught.value)
