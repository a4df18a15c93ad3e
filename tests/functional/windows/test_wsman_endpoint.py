"""The lab's WinRM endpoint before two clients that know nothing of it: pywinrm and pypsrp, by NTLM and by Basic."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.windows.endpoint_bench import CLIENTS, Client, Endpoint, endpoint

pytestmark = pytest.mark.slow


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Endpoint]:
    with endpoint(tmp_path) as one:
        yield one


@pytest.fixture(params=[(client, logon) for client in CLIENTS for logon in ("ntlm", "basic")], ids="-".join)
def client(request: pytest.FixtureRequest, running: Endpoint) -> Iterator[Client]:
    name, logon = request.param
    one = CLIENTS[name](running, logon)
    yield one
    one.close()


def test_a_command_gets_its_stdin_and_its_output_comes_back(client: Client) -> None:
    assert client.run("echo", b"hello") == (b"hello", b"", 0)
