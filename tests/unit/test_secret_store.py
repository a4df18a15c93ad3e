from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cemops.errors import SecretError
from cemops.secret_store import MAX_SECRET_BYTES, SecretStore

CANARY = "canary-8f2c"


def store(folder: Path, **environ: str) -> SecretStore:
    return SecretStore(folder, environ)


def private(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def keyring_that(monkeypatch: pytest.MonkeyPatch, get: Callable[[str, str], str | None]) -> None:
    module = types.ModuleType("keyring")
    vars(module)["get_password"] = get
    monkeypatch.setitem(sys.modules, "keyring", module)


def test_an_environment_variable_is_read(tmp_path: Path) -> None:
    secret = store(tmp_path, NS_PASSWORD=CANARY).resolve("env:NS_PASSWORD")
    assert secret.get_secret_value() == CANARY
    assert CANARY not in repr(secret)


def test_a_missing_variable_is_named_with_the_repair(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match=r"env:NS_PASSWORD is not set: export NS_PASSWORD"):
        store(tmp_path).resolve("env:NS_PASSWORD")


def test_an_empty_secret_is_refused(tmp_path: Path) -> None:
    private(tmp_path / "empty", b"\n")
    with pytest.raises(SecretError, match="env:E is empty"):
        store(tmp_path, E="").resolve("env:E")
    with pytest.raises(SecretError, match="file:empty is empty"):
        store(tmp_path).resolve("file:empty")


@pytest.mark.parametrize("reference", [CANARY, "env:", "vault:" + CANARY, "", "ENV:" + CANARY])
def test_an_unknown_form_is_refused_without_being_repeated(tmp_path: Path, reference: str) -> None:
    with pytest.raises(SecretError, match="env:NAME, file:PATH or keyring:SERVICE/USER") as caught:
        store(tmp_path).resolve(reference)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"a", "a"),
        (b"a\n", "a"),
        (b"a\n\n", "a\n"),
        (b"a\r\n", "a"),
        (b" a ", " a "),
        (b"a\r", "a\r"),
        ("ä\n".encode(), "ä"),
    ],
)
def test_one_trailing_newline_of_a_file_is_dropped(tmp_path: Path, content: bytes, value: str) -> None:
    private(tmp_path / "secret", content)
    assert store(tmp_path).resolve("file:secret").get_secret_value() == value


def test_a_file_may_be_named_absolutely(tmp_path: Path) -> None:
    path = private(tmp_path / "secret", CANARY.encode())
    assert store(Path("/nowhere")).resolve(f"file:{path}").get_secret_value() == CANARY


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o602, 0o610])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = private(tmp_path / "secret", CANARY.encode())
    path.chmod(mode)
    with pytest.raises(SecretError, match=f"chmod 600 {path}") as caught:
        store(tmp_path).resolve("file:secret")
    assert CANARY not in str(caught.value)


def test_the_target_of_a_link_is_what_is_judged(tmp_path: Path) -> None:
    private(tmp_path / "target", b"x").chmod(0o644)
    (tmp_path / "link").symlink_to("target")
    with pytest.raises(SecretError, match="chmod 600"):
        store(tmp_path).resolve("file:link")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match=r"file:none cannot be read \(No such file or directory\)"):
        store(tmp_path).resolve("file:none")


def test_a_pipe_neither_hangs_nor_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(SecretError, match="not a regular file"):
        store(tmp_path).resolve("file:pipe")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="Is a directory"):
        store(tmp_path).resolve(f"file:{tmp_path}")


@pytest.mark.parametrize(
    ("content", "problem"), [(b"\xff\xfe", "UTF-8"), (b"x" * (MAX_SECRET_BYTES + 1), "larger than")]
)
def test_what_is_no_secret_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    private(tmp_path / "secret", content)
    with pytest.raises(SecretError, match=problem):
        store(tmp_path).resolve("file:secret")


def test_an_unknown_home_folder_is_a_secret_error(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="cannot be read"):
        store(tmp_path).resolve("file:~no-such-user-here/secret")


def test_the_keyring_is_asked_for_service_and_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring_that(monkeypatch, lambda service, user: f"{service}+{user}")
    assert store(tmp_path).resolve("keyring:north/ns/admin").get_secret_value() == "north+ns/admin"


def test_a_keyring_without_the_entry_says_how_to_make_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring_that(monkeypatch, lambda _service, _user: None)
    with pytest.raises(SecretError, match="keyring set north admin"):
        store(tmp_path).resolve("keyring:north/admin")


def test_a_keyring_failure_is_translated_without_its_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_service: str, _user: str) -> str:
        raise RuntimeError(CANARY)

    keyring_that(monkeypatch, fail)
    with pytest.raises(SecretError, match="RuntimeError") as caught:
        store(tmp_path).resolve("keyring:north/admin")
    assert CANARY not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("reference", ["keyring:north", "keyring:/user", "keyring:north/"])
def test_a_keyring_reference_needs_service_and_user(tmp_path: Path, reference: str) -> None:
    with pytest.raises(SecretError, match="keyring:SERVICE/USER"):
        store(tmp_path).resolve(reference)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(value=st.text(min_size=1, max_size=40))
def test_any_text_comes_back_from_a_file_as_it_was(tmp_path: Path, value: str) -> None:
    try:
        content = (value + "\n").encode()
    except UnicodeEncodeError:
        return
    private(tmp_path / "secret", content)
    expected = value.removesuffix("\r")
    if expected:
        assert store(tmp_path).resolve("file:secret").get_secret_value() == expected


@given(reference=st.text(max_size=60))
def test_any_reference_gives_a_secret_or_a_secret_error(reference: str) -> None:
    if reference.startswith("keyring:"):
        return
    with suppress(SecretError):
        SecretStore(Path("/nonexistent"), {}).resolve(reference)
