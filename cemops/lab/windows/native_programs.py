"""Programs that run on a stand-in: services with a real process behind them, and httpd asked for its opinion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Ran:
    """What a program left: its exit code, and what it printed."""

    code: int
    text: str

    def as_wire(self) -> dict[str, int | str]:
        """Return it as a leaf gives it."""
        return {"code": self.code, "text": self.text}


class NativePrograms(Protocol):
    """What can be run on a machine. Each raises LeafError where Windows would throw."""

    def start_service(self, service: str) -> int | None:
        """Start the process behind a service; return its pid, None where there is no process behind it."""

    def stop_service(self, service: str) -> None:
        """End the process behind a service, where there is one."""

    def serves(self, service: str) -> bool | None:
        """Tell whether the process behind a service lives; None where there is no process behind it."""

    def test_httpd(self, program: str, configuration: str) -> Ran:
        """Run ``httpd -t`` on a configuration; both are Windows' paths."""

    def rehearse_httpd(self, program: str, configuration: str, port: int, seconds: int) -> Ran:
        """Start a second httpd, wait until 127.0.0.1:port answers, end it."""


class NoPrograms:
    """A machine on which services are names with a state, and that has no httpd."""

    def start_service(self, service: str) -> int | None:  # noqa: ARG002 - one of NativePrograms
        """Start nothing."""
        return None

    def stop_service(self, service: str) -> None:
        """End nothing."""

    def serves(self, service: str) -> bool | None:  # noqa: ARG002 - one of NativePrograms
        """Know of no process."""
        return None

    def test_httpd(self, program: str, configuration: str) -> Ran:  # noqa: ARG002 - one of NativePrograms
        """Say that there is no httpd."""
        return Ran(1, f"{program}: this stand-in has no httpd")

    def rehearse_httpd(self, program: str, configuration: str, port: int, seconds: int) -> Ran:  # noqa: ARG002 - one of NativePrograms
        """Say that there is no httpd."""
        return Ran(1, f"{program}: this stand-in has no httpd")
