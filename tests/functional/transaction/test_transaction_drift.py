"""Changes made by hand on a gateway: seen by the plan, mended by a new folder, and nothing live is overwritten."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.functional.transaction.bench import KILLED, Bench, wait_until
from tests.functional.transaction.faults import kill_tree

pytestmark = pytest.mark.slow


def edit_configuration(bench: Bench) -> None:
    conf = bench.release("gw1") / "httpd.conf"
    conf.chmod(0o644)
    conf.write_text(conf.read_text("utf-8") + "# by hand\n", "utf-8")
    conf.chmod(0o444)


def delete_crl(bench: Bench) -> None:
    (bench.release("gw1") / "client-crl.pem").unlink()


def open_permissions(bench: Bench) -> None:
    (bench.release("gw1") / "client-ca.pem").chmod(0o666)


def add_file(bench: Bench) -> None:
    (bench.release("gw1") / "notes.txt").write_text("by hand", "utf-8")


def add_hidden_file(bench: Bench) -> None:
    (bench.release("gw1") / ".hidden").write_text("by hand", "utf-8")


def add_folder(bench: Bench) -> None:
    (bench.release("gw1") / "conf.d").mkdir()


def current_elsewhere(bench: Bench) -> None:
    copied = bench.root("gw1") / "copied"
    shutil.copytree(bench.release("gw1"), copied)
    current = bench.root("gw1") / "current"
    current.unlink()
    current.symlink_to(copied)


def current_to_another_release(bench: Bench) -> None:
    copied = bench.root("gw1") / "releases" / "by-hand.1"
    shutil.copytree(bench.release("gw1"), copied)
    current = bench.root("gw1") / "current"
    current.unlink()
    current.symlink_to("releases/by-hand.1")


def current_removed(bench: Bench) -> None:
    (bench.root("gw1") / "current").unlink()


def current_a_folder(bench: Bench) -> None:
    current = bench.root("gw1") / "current"
    release = bench.release("gw1")
    current.unlink()
    shutil.copytree(release, current)


def kill_httpd(bench: Bench) -> None:
    kill_tree(bench.main_pid("gw1"))


def kill_parent_alone(bench: Bench) -> None:
    os.kill(bench.main_pid("gw1"), signal.SIGKILL)


def delete_live_release(bench: Bench) -> None:
    shutil.rmtree(bench.release("gw1"))


DRIFTS = (
    edit_configuration,
    delete_crl,
    open_permissions,
    add_file,
    add_hidden_file,
    add_folder,
    current_elsewhere,
    current_to_another_release,
    current_removed,
    current_a_folder,
    kill_httpd,
    kill_parent_alone,
    delete_live_release,
)


def contents(folder: Path) -> dict[Path, tuple[int, int, bytes]]:
    """Inode, mode and bytes of every file of a release: what serves must not be written to."""
    return {
        path: (path.stat().st_ino, path.stat().st_mode, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("drift", DRIFTS, ids=lambda drift: drift.__name__)
def test_drift_is_seen_and_mended_beside_what_is_live(bench: Bench, drift: Callable[[Bench], None]) -> None:
    thumbprint = bench.thumbprint("gw1")
    drift(bench)
    touched = bench.release("gw1")
    before = contents(touched)
    seen = bench.plan("--limit", "gw1")
    assert seen.code == 2, seen.everything
    mended = bench.apply("--limit", "gw1")
    assert mended.code == 0, mended.everything
    after = bench.plan("--limit", "gw1")
    assert after.code == 0, after.everything
    assert bench.serves("gw1")
    assert bench.thumbprint("gw1") == thumbprint
    if touched.parent.name == "releases":
        assert contents(touched) == before


@pytest.mark.parametrize("drift", [delete_crl, delete_live_release, current_removed], ids=lambda drift: drift.__name__)
def test_a_switch_away_from_what_no_longer_works_never_leaves_nothing(
    bench: Bench, drift: Callable[[Bench], None]
) -> None:
    bench.list_new_name("gw1")
    drift(bench)
    said = bench.apply("--limit", "gw1", fault={"at": "after:switch", "do": ["die"]})
    assert said.code == KILLED, said.everything
    assert bench.serves("gw1")
    assert wait_until(lambda: not bench.pending("gw1"))
    assert bench.serves("gw1")
    mended = bench.apply("--limit", "gw1")
    assert mended.code == 0, mended.everything
    assert bench.plan("--limit", "gw1").code == 0


def test_a_lost_release_that_is_not_live_is_no_drift(bench: Bench) -> None:
    bench.list_new_name("gw1")
    old = bench.release("gw1")
    assert bench.apply("--limit", "gw1").code == 0
    shutil.rmtree(old)
    assert bench.plan("--limit", "gw1").code == 0


def test_an_unreadable_key_is_seen_and_delivered_again(bench: Bench) -> None:
    thumbprint = bench.thumbprint("gw1")
    bench.named("gw1", "SSLCertificateKeyFile").unlink()
    seen = bench.plan("--limit", "gw1")
    assert seen.code == 2, seen.everything
    assert "agents-cut-off" not in seen.out
    mended = bench.apply("--limit", "gw1")
    assert mended.code == 0, mended.everything
    assert bench.thumbprint("gw1") == thumbprint
    assert bench.plan("--limit", "gw1").code == 0
