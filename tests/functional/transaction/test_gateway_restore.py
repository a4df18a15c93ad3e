"""Gateways that are restored: after a fire, on another host, in part, and not where that would do harm."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cemops.pki.authorities import load_issuer
from cemops.pki.crl import issue_crl
from cemops.pki.folder import pki_folder
from tests.functional.published_schema import fitting
from tests.functional.transaction.bench import KILLED, Bench, Document, Said, wait_until
from tests.functional.transaction.burning import NS1, backups, burn, sentences
from tests.functional.transaction.test_transaction_guards import write_pfx

pytestmark = pytest.mark.slow


def backed_up(bench: Bench) -> Path:
    """A backup of gw1 as it is now."""
    said = bench.cemops("gateway", "backup", "--limit", "gw1", "--format", "json")
    assert said.code == 0, said.everything
    return Path(said.json["backups"][0]["file"])


def restored(bench: Bench, *arguments: str, **more: dict[str, object]) -> Said:
    said = bench.cemops("gateway", "restore", "gw1", "--yes", "--no-color", *arguments, **more)
    bench.killed = said.code == KILLED
    return said


@contextmanager
def lost(folder: Path) -> Iterator[None]:
    """What lay there is gone for a while."""
    aside = folder.with_name(f"{folder.name}-aside")
    folder.rename(aside)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)


def test_a_gateway_that_burnt_down_comes_back_and_agents_that_pinned_it_connect(bench: Bench) -> None:
    agent, old, live = bench.agent("gw1"), bench.thumbprint("gw1"), bench.live("gw1")
    assert agent.connect(NS1).opened
    backed_up(bench)
    with lost(bench.lab.folder / "pki" / "gateways"):
        burn(bench, "gw1")
        assert not agent.connect(NS1).opened
        said = restored(bench)
        assert said.code == 0, said.everything
        assert (bench.thumbprint("gw1"), bench.live("gw1")) == (old, live), "the same certificate, the same release"
        visit = agent.connect(NS1)
        assert visit.opened, visit
        planned = bench.plan("--limit", "gw1")
        assert planned.code == 0, planned.everything
    again = restored(bench)
    assert again.code == 0
    assert "Nothing to do" in again.out


def test_a_gateway_is_restored_onto_another_empty_host(bench: Bench) -> None:
    agent, old = bench.agent("gw1"), bench.thumbprint("gw1")
    backed_up(bench)
    burn(bench, "gw1")
    root = bench.root("gw2").parent / "root-of-gw1"

    def move(document: Document) -> None:
        first, second = document["gateways"][:2]
        first["public_address"] = first.get("public_address") or first["connection"]["address"]
        first["connection"] = second["connection"]
        first["root"] = str(root)

    bench.edit(move)
    try:
        said = restored(bench)
        assert said.code == 0, said.everything
        assert agent.connect(NS1).opened
        assert old in said.out
        planned = bench.plan("--limit", "gw1")
        assert planned.code == 0, planned.everything
    finally:
        burn(bench, "gw1", root)


def test_certificates_alone_come_back_with_todays_configuration(bench: Bench) -> None:
    agent = bench.agent("gw1")
    backed_up(bench)
    new = bench.list_new_name("gw1")
    with lost(bench.lab.folder / "pki" / "gateways"):
        burn(bench, "gw1")
        said = restored(bench, "--parts", "certificates", "--format", "json")
        assert said.code == 0, said.everything
        assert fitting("apply", said.out)["applied"] == [{"host": "gw1", "result": "applied", "error": None}]
        assert agent.connect(NS1).opened
        assert bench.opens("gw1", new)
        assert bench.plan("--limit", "gw1").code == 0


def test_an_older_configuration_comes_back_and_the_next_plan_tells_what_differs(bench: Bench) -> None:
    file = backed_up(bench)
    new = bench.list_new_name("gw1", "gw2")  # what no other gateway leads to would be cut off by the restore
    assert bench.apply("--limit", "gw1").code == 0
    assert bench.opens("gw1", new)
    said = restored(bench, "--from", str(file), "--parts", "configuration")
    assert said.code == 0, said.everything
    assert "targets-removed" in said.out
    assert not bench.opens("gw1", new)
    assert bench.serves("gw1")
    planned = bench.plan("--limit", "gw1")
    assert planned.code == 2, planned.everything
    assert new.partition(":")[0] in planned.out
    assert len(backups(bench, "gw1")) >= 2, "a restore is a change, too: it backs up first"


def test_what_has_expired_in_a_backup_is_not_restored(bench: Bench) -> None:
    backed_up(bench)
    live = bench.live("gw1")
    burnt = restored(bench, "--now", "2040-01-01T00:00:00Z")
    assert burnt.code == 1, burnt.everything
    assert "expired" in burnt.out + burnt.err
    assert bench.live("gw1") == live


def test_an_older_list_of_the_revoked_is_not_restored(bench: Bench) -> None:
    file, live = backed_up(bench), bench.live("gw1")
    context = bench.context()
    pki = pki_folder(context.estate, context.folder)
    issuer = load_issuer(context.estate, pki, "ns1-root", context.secrets)
    with pki.locked():
        issue_crl(pki, "ns1-root", issuer, 365, datetime.now(UTC), revoke=(4711,))
    refused = restored(bench, "--from", str(file))
    assert refused.code == 1, refused.everything
    assert "names 1 that the backup's does not" in (refused.out + refused.err).replace("\n      ", " ")
    assert bench.live("gw1") == live
    burn(bench, "gw1")
    assert restored(bench, "--from", str(file)).code == 1, "on an empty host, too"
    done = restored(bench, "--from", str(file), "--parts", "certificates,client-cas")
    assert done.code == 0, done.everything
    assert bench.serves("gw1")
    assert bench.plan("--limit", "gw1").code == 0


def test_a_restore_that_cuts_agents_off_is_refused_until_that_is_accepted(bench: Bench) -> None:
    old, file = bench.thumbprint("gw1"), backed_up(bench)
    write_pfx(bench)
    assert bench.apply("--limit", "gw1", "--accept-lockout", "1").code == 0
    refused = restored(bench, "--from", str(file))
    assert refused.code == 3, refused.everything
    assert "--accept-lockout 1" in refused.err
    assert bench.thumbprint("gw1") != old
    done = restored(bench, "--from", str(file), "--accept-lockout", "1")
    assert done.code == 0, done.everything
    assert bench.thumbprint("gw1") == old
    assert bench.serves("gw1")


def test_outside_the_change_windows_nothing_is_restored(bench: Bench) -> None:
    file = backed_up(bench)
    bench.list_new_name("gw1", "gw2")
    assert bench.apply("--limit", "gw1").code == 0
    live = bench.live("gw1")
    day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[(datetime.now(UTC).weekday() + 3) % 7]

    def change(document: Document) -> None:
        document["change_windows"] = [
            {"name": "night", "days": [day], "start": "12:34", "duration_minutes": 60, "timezone": "Europe/Tallinn"}
        ]

    bench.edit(change)
    refused = restored(bench, "--from", str(file))
    assert refused.code == 3, refused.everything
    assert "Nothing was changed" in refused.err
    assert bench.live("gw1") == live
    allowed = restored(bench, "--from", str(file), "--override-window", "gw1 burnt down")
    assert allowed.code == 0, allowed.everything
    assert "gw1 burnt down" in " ".join(bench.cemops("history").out.split())


@pytest.mark.parametrize("at", ["after:stage", "after:switch"])
def test_a_restore_that_is_killed_leaves_what_served(bench: Bench, at: str) -> None:
    file = backed_up(bench)
    new = bench.list_new_name("gw1", "gw2")  # what no other gateway leads to would be cut off by the restore
    assert bench.apply("--limit", "gw1").code == 0
    live = bench.live("gw1")
    said = restored(bench, "--from", str(file), fault={"at": at, "do": ["die"], "only": "gw1"})
    assert said.code == KILLED, said.everything
    assert wait_until(lambda: bench.live("gw1") == live and not bench.pending("gw1"))
    assert bench.opens("gw1", new)
    if bench.killed:
        bench.cemops("unlock", "--yes")
    done = restored(bench, "--from", str(file))
    assert done.code == 0, done.everything
    assert not bench.opens("gw1", new)


def test_words_that_make_no_sense_are_wrong_usage(bench: Bench) -> None:
    for arguments in (
        ("restore", "gw9", "--yes"),
        ("restore", "gw1", "--yes", "--parts", "keys"),
        ("restore", "gw1", "--yes", "--parts", ""),
        ("restore", "gw1"),
        ("drain", "ns1"),
        ("drain", "gw1", "--wait", "-1"),
        ("backup", "--limit", "ns1"),
    ):
        said = bench.cemops("gateway", *arguments)
        assert said.code == 64, said.everything
        assert len(sentences(said.err)) == 1
