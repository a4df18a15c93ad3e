from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from cemops.errors import PkiError
from cemops.pki import folder as folder_module
from cemops.pki.folder import PkiFolder, estate_path


@pytest.fixture
def pki(tmp_path: Path) -> PkiFolder:
    return PkiFolder(tmp_path / "estate" / "pki")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_private_and_so_are_folders_whatever_the_umask(pki: PkiFolder) -> None:
    before = os.umask(0)
    try:
        with pki.locked():
            pki.write(pki.gateway("gw1").key, b"k")
            pki.write_once(pki.authority("ca").key, b"k")
    finally:
        os.umask(before)
    paths = list(pki.path.rglob("*"))
    assert {mode(path) for path in paths if path.is_file()} == {0o600}
    assert {mode(path) for path in (*paths, pki.path) if path.is_dir()} == {0o700}


def test_the_file_is_private_from_its_first_byte(pki: PkiFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = os.open

    def watch(path: str, flags: int, mode: int = 0o777) -> int:
        descriptor = real(path, flags, mode)
        if flags & os.O_CREAT:
            seen.append((stat.S_IMODE(os.fstat(descriptor).st_mode), os.fstat(descriptor).st_size))
        return descriptor

    monkeypatch.setattr(os, "open", watch)
    pki.write(pki.gateway("gw1").key, b"k")
    assert seen == [(0o600, 0)]


def test_a_failed_write_leaves_the_old_contents_and_no_remains(pki: PkiFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pki.gateway("gw1").certificate
    pki.write(path, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PkiError, match=r"cannot be written \(No space left on device\)"):
        pki.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in path.parent.iterdir()] == ["certificate.pem"]


def test_write_once_never_overwrites(pki: PkiFolder) -> None:
    path = pki.authority("ca").key
    pki.write_once(path, b"first")
    with pytest.raises(PkiError, match="never overwritten"):
        pki.write_once(path, b"second")
    assert path.read_bytes() == b"first"
    assert [entry.name for entry in path.parent.iterdir()] == ["key.pem"]


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "../../etc", "a\0b", ".hidden"])
def test_a_name_cannot_lead_out_of_the_folder(pki: PkiFolder, name: str) -> None:
    with pytest.raises(PkiError, match="cannot be the name"):
        pki.authority(name)


def test_reading_makes_nothing(pki: PkiFolder) -> None:
    assert pki.facts(pki.gateway("gw1").certificate) is None
    assert not pki.has(pki.crl("ca"))
    assert not pki.path.parent.exists()


def test_a_second_run_waits_for_the_lock(pki: PkiFolder) -> None:
    order = []
    held = threading.Event()

    def first() -> None:
        with pki.locked():
            held.set()
            release.wait(10)
            order.append("first")

    release = threading.Event()
    thread = threading.Thread(target=first)
    thread.start()
    assert held.wait(10)
    threading.Timer(0.1, release.set).start()
    with pki.locked():
        order.append("second")
    thread.join(10)
    assert order == ["first", "second"]


def test_a_lock_that_stays_held_is_an_error(pki: PkiFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "LOCK_WAIT_SECONDS", 0.0)
    with pki.locked(), pytest.raises(PkiError, match="held by another run"), pki.locked():
        pass
    with pki.locked():  # and it is free again
        pass


def test_a_lock_that_is_a_link_is_not_followed(pki: PkiFolder, tmp_path: Path) -> None:
    pki.path.mkdir(parents=True)
    (pki.path / ".lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PkiError, match="cannot be opened"), pki.locked():
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_where_a_folder_belongs_is_an_error(pki: PkiFolder) -> None:
    pki.path.mkdir(parents=True)
    (pki.path / "gateways").write_text("")
    assert not pki.has(pki.gateway("gw1").key)
    with pytest.raises(PkiError, match="cannot be written"):
        pki.write(pki.gateway("gw1").key, b"k")


def test_paths_resolve_against_the_estate_and_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert estate_path(tmp_path, "certs/a.cer") == tmp_path / "certs/a.cer"
    assert estate_path(tmp_path, "/srv/a.cer") == Path("/srv/a.cer")
    assert estate_path(tmp_path, "~/a.cer") == Path("/home/somebody/a.cer")
    with pytest.raises(PkiError, match="home folder"):
        estate_path(tmp_path, "~no-such-user-here/a.cer")
