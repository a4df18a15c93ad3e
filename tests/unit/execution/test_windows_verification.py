"""What a Windows machine's change comes to where the second look at it fails: undone at once, or by its dead man."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cemops.errors import HostError, PkiError
from cemops.execution.windows_machine import ActionOutcome
from cemops.execution.windows_transaction import GatewaySide, HeldLock, WindowsTransaction
from cemops.planning.windows.plan import WindowsPlan

TOKEN = "0123456789abcdef"


class Bench:
    """A transaction whose machine keeps what it is asked for, and whose second look goes wrong."""

    def __init__(self, error: Exception, *, undoes: bool = True) -> None:
        self.asked: list[str] = []
        self.reverted = 0
        self._undoes = undoes
        unused = cast("Any", None)
        gateway = GatewaySide(unused, unused, self._fail(error), 300)
        self.transaction = WindowsTransaction(
            context=unused,
            machine=cast("Any", SimpleNamespace(name="gw3", apply=self._apply)),
            purposes={},
            passwords={},
            report=unused,
            left_to_do=lambda _: WindowsPlan(),
            look_again=lambda: unused,
            reverted=self._count,
            held=HeldLock(lambda: None, lambda: None),
            gateway=gateway,
        )

    def verify(self) -> HostError:
        with pytest.raises(HostError) as failed:
            self.transaction.verify(WindowsPlan(), TOKEN)
        return failed.value

    def _apply(self, actions: Sequence[Mapping[str, Any]]) -> tuple[ActionOutcome, ...]:
        self.asked += [action["op"] for action in actions]
        state = "done" if self._undoes else "failed"
        return tuple(ActionOutcome(action["id"], state, self._undoes, "the disk is full") for action in actions)

    def _count(self) -> None:
        self.reverted += 1

    @staticmethod
    def _fail(error: Exception) -> Callable[[], tuple[str, ...]]:
        def look() -> tuple[str, ...]:
            raise error

        return look


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PkiError("the agent's certificate is damaged"), "the agent's certificate is damaged"),
        (HostError("gw3", "the answer is damaged"), "the answer is damaged"),
        (KeyError("canary-5b1d"), "an error inside cemops (KeyError"),
    ],
)
def test_what_could_not_be_looked_at_is_undone_at_once_and_the_next_gateway_left_alone(
    error: Exception, said: str
) -> None:
    bench = Bench(error)

    failed = bench.verify()

    assert bench.asked == ["deadman.fire"]
    assert bench.reverted == 1
    assert failed.host == "gw3"
    assert said in failed.message
    assert "canary" not in failed.message
    assert failed.message.endswith("what served before was put back")
    assert not failed.unreachable


def test_where_undoing_fails_too_it_says_what_undoes_it() -> None:
    bench = Bench(ValueError(), undoes=False)

    assert "undoing it failed (the disk is full), its dead man tries again within 300 s" in bench.verify().message
    assert bench.reverted == 1


def test_a_machine_out_of_reach_is_left_to_its_dead_man() -> None:
    bench = Bench(HostError("gw3", "no route", unreachable=True))

    failed = bench.verify()

    assert (bench.asked, bench.reverted) == ([], 1)
    assert failed.unreachable
    assert "its dead man undoes it" in failed.message
