"""Writing leaves: each call is a line, may be made to fail, and is saved before it returns."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from cemops.lab.windows.faults import Faults
from cemops.lab.windows.leaf_error import LeafError

P = ParamSpec("P")
R = TypeVar("R")
DIED = 137
"""Exit code of a machine that lost its power (as after SIGKILL)."""


class CallKeeper(Protocol):
    """What writing leaves need of the object that they belong to."""

    def faults(self) -> Faults:
        """Return what goes wrong on the machine now."""

    def called(self, line: str) -> None:
        """Take note of a call."""

    def changed(self) -> None:
        """Save the machine: a leaf has changed it."""


Self_ = TypeVar("Self_", bound=CallKeeper)
Method = Callable[Concatenate[Self_, P], R]


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return str(len(value))
    if isinstance(value, (list, tuple)):
        return ",".join(str(one) for one in value)
    if isinstance(value, dict):
        return ",".join(f"{name}={value[name]}" for name in sorted(value))
    return str(value)


def call_line(name: str, arguments: tuple[object, ...], secret: int | None = None) -> str:
    """Return the line of a call; the argument at position ``secret`` is not shown."""
    shown = ["***" if place == secret else _text(one) for place, one in enumerate(arguments)]
    return " ".join([name, *shown])


def _refused(name: str) -> LeafError:
    return LeafError(f"the machine refuses {name}", hresult=0x80070005)


def writing(name: str, secret: int | None = None) -> Callable[[Method[Self_, P, None]], Method[Self_, P, None]]:
    """Make a method the writing leaf ``name``, which throws where it fails."""

    def wrap(method: Method[Self_, P, None]) -> Method[Self_, P, None]:
        def call(self: Self_, /, *args: P.args, **kwargs: P.kwargs) -> None:
            verdict = _verdict(self, call_line(name, args, secret))
            if verdict == "refuses":
                raise _refused(name)
            if verdict is None:
                method(self, *args, **kwargs)
                self.changed()

        functools.update_wrapper(call, method)
        return call

    return wrap


def running(name: str) -> Callable[[Method[Self_, P, dict[str, Any]]], Method[Self_, P, dict[str, Any]]]:
    """Make a method the leaf ``name``, which runs a program and gives its ``{code, text}``."""

    def wrap(method: Method[Self_, P, dict[str, Any]]) -> Method[Self_, P, dict[str, Any]]:
        def call(self: Self_, /, *args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
            verdict = _verdict(self, call_line(name, args))
            if verdict is not None:
                refused = verdict == "refuses"
                return {"code": int(refused), "text": "the machine refuses" if refused else "done"}
            result = method(self, *args, **kwargs)
            self.changed()
            return result

        functools.update_wrapper(call, method)
        return call

    return wrap


def _verdict(keeper: CallKeeper, line: str) -> str | None:
    keeper.called(line)
    verdict = keeper.faults().verdict(line)
    if verdict == "dies":
        os._exit(DIED)
    return verdict
