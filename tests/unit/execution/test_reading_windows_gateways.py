"""Reading a Windows gateway for its backup, and unpacking one: hosts that answer oddly, and names that lead elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from cemops.errors import CemopsError
from cemops.execution.backup_unpacking import unpack
from cemops.execution.estate_context import EstateContext
from cemops.execution.estate_file import read_estate
from cemops.execution.windows_gateway_backup import read_windows_gateway
from cemops.execution.windows_machine import WindowsMachine
from cemops.pki.windows_gateway_backup import WindowsGatewayBackup
from tests.unit.planning.windows.gateway_machine import FOLDERS, ROOT, gateway
from tests.unit.sample_estate import sample_data

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PFX = rf"{FOLDERS.certs}\server.pfx"


@dataclass
class Answering:
    """A machine with these files; a content of None was too large for an answer."""

    files: Mapping[str, bytes | None]
    dead_men: tuple[dict[str, Any], ...] = ()
    asked: list[list[str]] = field(default_factory=list)
    name: str = "gw3"

    def state(self, request: Mapping[str, Any]) -> dict[str, Any]:
        paths = [folder["path"] for folder in request["want"]["folders"]]
        assert all(folder["hash_only"] == [] for folder in request["want"]["folders"])
        self.asked.append(paths)
        return {"dead_men": list(self.dead_men), "folders": {path: self._folder(path) for path in paths}}

    def _folder(self, path: str) -> dict[str, Any] | None:
        below = [file.removeprefix(f"{path}\\") for file in self.files if file.startswith(f"{path}\\")]
        if not below:
            return None
        files = {
            name: {"sha256": "", "size": 1, "content": None if data is None else base64.b64encode(data).decode()}
            for name in below
            if "\\" not in name
            for data in (self.files[rf"{path}\{name}"],)
        }
        folders = dict.fromkeys(name.partition("\\")[0] for name in below if "\\" in name)
        return {"files": files, "folders": list(folders)}


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> EstateContext:
    file = tmp_path_factory.mktemp("estate") / "estate.yaml"
    file.write_text(yaml.safe_dump(sample_data()), "utf-8")
    return EstateContext.of(read_estate(file))


def read(context: EstateContext, machine: Answering) -> WindowsGatewayBackup:
    return read_windows_gateway(context, cast("WindowsMachine", machine), gateway("smp-8", root=ROOT), None)


def test_folders_below_cost_one_more_process_for_each_level(context: EstateContext) -> None:
    inner = rf"{FOLDERS.settings}\a\b\c.settings"
    machine = Answering({PFX: b"pfx", inner: b"\x00"})
    assert read(context, machine).files == {r"certs\server.pfx": b"pfx", r"Settings\a\b\c.settings": b"\x00"}
    assert len(machine.asked) == 3


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (Answering({rf"{ROOT}\Apache\conf\httpd.conf": b""}), "no gateway of smp-8 is in"),
        (Answering({PFX: None}), r"server\.pfx is too large"),
        (Answering({PFX: b""}), r"there is no server\.pfx"),
        (Answering({PFX: b"pfx", "\\".join([FOLDERS.settings, *"abcdefghi"]): b""}), "deeper than any folder"),
        (Answering({PFX: b"pfx"}, ({"token": "a", "due_ms": 1, "fired": False},)), "waits for its confirmation"),
    ],
)
def test_what_cannot_be_read_whole_is_not_backed_up(context: EstateContext, machine: Answering, expected: str) -> None:
    with pytest.raises(CemopsError, match=expected):
        read(context, machine)


def test_a_change_that_went_back_already_keeps_nobody_from_a_backup(context: EstateContext) -> None:
    machine = Answering({PFX: b"pfx"}, ({"token": "a", "due_ms": 1, "fired": True},))
    assert read(context, machine).files == {r"certs\server.pfx": b"pfx"}


@pytest.mark.parametrize("name", [r"..\..\.ssh\id", r"..", "a/../../b", r"C:\x", r"certs\\x", "a:b"])
def test_a_name_that_leads_out_of_the_folder_is_not_unpacked(tmp_path: Path, name: str) -> None:
    backup = WindowsGatewayBackup("northwind", "gw3", NOW, "smp-8", ROOT, {r"certs\server.pfx": b"pfx", name: b"x"})
    with pytest.raises(CemopsError, match="would lie elsewhere"):
        unpack(backup, tmp_path / "out" / "put")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["certs/\x1b]0;owned\x07", "certs/a\nb", "certs/a\x9b2J", "certs/\u202egpj.exe", "\ud800"]
)
def test_a_name_that_would_command_the_terminal_is_not_unpacked(tmp_path: Path, name: str) -> None:
    backup = WindowsGatewayBackup("northwind", "gw3", NOW, "smp-8", ROOT, {r"certs\server.pfx": b"pfx", name: b"x"})
    with pytest.raises(CemopsError, match="cannot be shown") as refused:
        unpack(backup, tmp_path / "out" / "put")
    assert str(refused.value).isprintable()
    assert list(tmp_path.iterdir()) == []
