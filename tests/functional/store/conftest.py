"""Stores to test: a file, and a database of a PostgreSQL that runs for the session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.store.postgresql_server import Server, server_running


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    with server_running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state.db'}"
    server: Server = request.getfixturevalue("postgresql")
    return server.url(server.new_database())


@pytest.fixture
def another_store_url(request: pytest.FixtureRequest, tmp_path: Path, store_url: str) -> str:
    """The URL of a second empty store, of the same kind."""
    if store_url.startswith("sqlite"):
        return f"sqlite:///{tmp_path / 'another.db'}"
    server: Server = request.getfixturevalue("postgresql")
    return server.url(server.new_database())
