"""Waiting for tunnels to end is bounded, and says how many are left."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cemops.execution import gateway_drain
from cemops.execution.gateway_drain import wait_for_end
from cemops.execution.kernel_endpoints import kernel_endpoints
from cemops.model.gateways import Listen


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_drain, "PAUSE_SECONDS", 0.0)


def counting(*numbers: int) -> Iterator[int]:
    yield from numbers


def test_the_wait_ends_when_nobody_is_left_and_says_each_number_once() -> None:
    numbers, said = counting(3, 3, 1, 0), list[str]()
    assert wait_for_end(lambda: next(numbers), 60, said.append) == 0
    assert said == ["3 left", "1 left"]


def test_without_time_there_is_one_look() -> None:
    numbers = counting(2)
    assert wait_for_end(lambda: next(numbers), 0, lambda _: None) == 2


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (("*",), ["*:20FB"]),
        (("127.0.0.1",), ["0100007F:20FB"]),
        (("::1", "203.0.113.11"), ["00000000000000000000000001000000:20FB", "0B7100CB:20FB"]),
    ],
)
def test_endpoints_are_written_as_the_kernel_writes_them(addresses: tuple[str, ...], expected: list[str]) -> None:
    assert list(kernel_endpoints(Listen(addresses=addresses, port=8443))) == expected
