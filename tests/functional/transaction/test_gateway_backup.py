"""Backups of gateways that serve: what is in them, what they cost, and what becomes of damaged ones."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.functional.transaction.bench import KILLED, Bench
from tests.functional.transaction.burning import NS1, backups, sentences
from tests.functional.transaction.test_transaction_counts import counted

pytestmark = pytest.mark.slow


def test_a_gateway_is_backed_up_while_it_serves_in_one_remote_command(bench: Bench) -> None:
    known = backups(bench, "gw1")
    visit, tunnel = bench.agent("gw1").hold(NS1)
    assert tunnel is not None, visit
    try:
        with counted(bench, "gw1") as commands:
            said = bench.cemops("gateway", "backup", "--limit", "gw1", "--format", "json")
            assert said.code == 0, said.everything
            assert commands() == 1
        tunnel.send(b"still here")
    finally:
        tunnel.close()
    (made,) = said.json["backups"]
    assert (made["gateway"], made["result"], made["release"]) == ("gw1", "made", bench.live("gw1"))
    file = Path(made["file"])
    assert backups(bench, "gw1") == [*known, file]
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    key = bench.named("gw1", "SSLCertificateKeyFile")
    held = file.read_bytes()
    body = key.read_text("ascii").splitlines()[5].encode()
    assert body not in held
    assert body.decode() not in said.out + said.err
    head, _ = held.split(b"\n", 2)[1], held
    assert made["thumbprint"].encode() in head


def test_another_folder_gets_the_backups_of_every_gateway(bench: Bench, tmp_path: Path) -> None:
    said = bench.cemops("gateway", "backup", "--out", str(tmp_path / "kept"))
    assert said.code == 0, said.everything
    assert [len(list((tmp_path / "kept" / name).iterdir())) for name in ("gw1", "gw2")] == [1, 1]
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700


def test_a_mistyped_passphrase_is_found_out_before_it_seals_a_backup(bench: Bench) -> None:
    known = backups(bench, "gw1")
    secret = bench.lab.folder / "secrets" / "pki-passphrase"
    right = secret.read_text("utf-8")
    secret.write_text("mistyped\n", "utf-8")
    try:
        said = bench.cemops("gateway", "backup", "--limit", "gw1")
    finally:
        secret.write_text(right, "utf-8")
    assert said.code == 1
    assert "pki.passphrase" in said.err
    assert len(sentences(said.err)) == 1
    assert backups(bench, "gw1") == known


def test_a_gateway_that_has_nothing_to_back_up_fails_alone(bench: Bench) -> None:
    current = bench.root("gw1") / "current"
    target = current.readlink()
    current.unlink()
    try:
        said = bench.cemops("gateway", "backup", "--format", "json")
    finally:
        current.symlink_to(target)
    assert said.code == 1
    assert [made["result"] for made in said.json["backups"][:2]] == ["failed", "made"]
    assert "no release is live here" in said.err


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _edited(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def _edited_head(data: bytes) -> bytes:
    return re.sub(rb'"thumbprint": "..', b'"thumbprint": "00', data)


def _for_another_estate(data: bytes) -> bytes:
    return data.replace(b'"estate": "lab"', b'"estate": "mill"')


def _newer(data: bytes) -> bytes:
    return data.replace(b"cemops-gateway-backup 1", b"cemops-gateway-backup 2", 1)


SPOILT: tuple[tuple[Callable[[bytes], bytes], str], ...] = (
    (_cut, "bytes of its content"),
    (_edited, "was changed since it was made"),
    (_edited_head, "was changed since it was made"),
    (_for_another_estate, "of estate mill, not of lab"),
    (_newer, "another format"),
    (lambda _: b"", "no backup of a gateway"),
    (lambda _: os.urandom(4096), "no backup of a gateway"),
    (lambda data: data[:60], "damaged head"),
)


def test_no_damaged_file_is_restored_and_each_is_refused_in_one_sentence(bench: Bench, tmp_path: Path) -> None:
    assert bench.cemops("gateway", "backup").code == 0
    good = backups(bench, "gw1")[-1].read_bytes()
    live = bench.live("gw1")
    file = tmp_path / "spoilt"
    for spoil, expected in SPOILT:
        file.write_bytes(spoil(good))
        said = bench.cemops("gateway", "restore", "gw1", "--from", str(file), "--yes")
        assert said.code == 1, said.everything
        (sentence,) = sentences(said.err)
        assert expected in sentence, sentence
        assert str(file) in sentence
    foreign = bench.cemops("gateway", "restore", "gw1", "--from", str(backups(bench, "gw2")[-1]), "--yes")
    assert foreign.code == 1
    assert "of gateway gw2, not of gw1" in foreign.err
    secret = bench.lab.folder / "secrets" / "pki-passphrase"
    right = secret.read_text("utf-8")
    secret.write_text("another\n", "utf-8")
    try:
        wrong = bench.cemops("gateway", "restore", "gw1", "--yes")
    finally:
        secret.write_text(right, "utf-8")
    assert wrong.code == 1
    assert "was not made with this pki.passphrase" in wrong.err
    assert bench.live("gw1") == live


def test_an_apply_backs_up_first_and_clears_old_backups_away(bench: Bench) -> None:
    for _ in range(3):
        bench.list_new_name("gw1")
        before = bench.live("gw1")
        said = bench.apply("--limit", "gw1", fault={"set": {"cemops.execution.backup_folder.KEPT_BACKUPS": 2}})
        assert said.code == 0, said.everything
        steps = said.err
        assert steps.index("gw1: back up what serves") < steps.index("gw1: dial from outside")
        assert f'"release": "{before}"'.encode() in backups(bench, "gw1")[-1].read_bytes()
    assert len(backups(bench, "gw1")) == 2
    assert bench.apply("--limit", "gw1").code == 0
    assert len(backups(bench, "gw1")) == 2, "nothing was changed, so nothing is backed up"


def test_a_gateway_that_cannot_be_backed_up_is_left_alone(bench: Bench) -> None:
    new = bench.list_new_name("gw1", "gw2")
    live = bench.live("gw1")
    folder = bench.lab.folder / ".cemops" / "backups" / "gw1"
    aside = folder.with_name("aside")
    if folder.exists():
        folder.rename(aside)
    folder.write_text("no folder", "utf-8")
    try:
        said = bench.apply()
    finally:
        folder.unlink()
        if aside.exists():
            aside.rename(folder)
    assert said.code == 1, said.everything
    assert "gw1 could not be backed up, so nothing was touched" in said.err
    assert bench.live("gw1") == live
    assert not bench.opens("gw1", new)
    done = bench.apply()
    assert done.code == 0, done.everything
    assert bench.opens("gw1", new)


def test_a_backup_that_is_killed_leaves_no_file_and_a_gateway_that_serves(bench: Bench) -> None:
    known = backups(bench, "gw1")
    fault = {"at": "line:backup", "text": "send key", "do": ["die"], "only": "gw1"}
    said = bench.cemops("gateway", "backup", "--limit", "gw1", fault=fault)
    assert said.code == KILLED, said.everything
    assert backups(bench, "gw1") == known
    assert bench.serves("gw1")
    again = bench.cemops("gateway", "backup", "--limit", "gw1")
    assert again.code == 0, again.everything
    shutil.rmtree(bench.lab.folder / ".cemops" / "backups")
    assert bench.cemops("gateway", "restore", "gw1", "--yes").code == 1
