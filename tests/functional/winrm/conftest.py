"""One process in which the connectors of these tests connect: starting one takes longer than most of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.winrm.winrm_bench import WORKERS, Worker


@pytest.fixture(scope="package", autouse=True)
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    one = Worker(tmp_path_factory.mktemp("worker"))
    WORKERS.append(one)
    yield
    WORKERS.remove(one)
    one.end()
