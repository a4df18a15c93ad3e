"""The rehearsal of a restored configuration shares nothing with the gateway that serves, and keeps all the rest."""

from __future__ import annotations

from cemops.planning.service import sizing_of
from cemops.planning.sizing import gateway_sizing
from cemops.rendering.gateway_httpd import render_httpd_conf
from cemops.rendering.gateway_rehearsal import RehearsalPlace, rehearsed_conf
from tests.unit.rendering.httpd_inputs import INPUTS, ROOT, directives, rendered

FOLDER = f"{ROOT}/state/rehearsal"
PLACE = RehearsalPlace("127.0.0.1:20001", FOLDER, gateway_sizing(20), "cemgw", "cemgw")


def rehearsed(place: RehearsalPlace = PLACE) -> list[str]:
    return directives(rehearsed_conf(render_httpd_conf(INPUTS), place))


def test_it_is_what_would_have_been_rendered_for_a_rehearsal() -> None:
    wanted = rendered(
        listen=(("127.0.0.1", 20001),),
        pid_file=f"{FOLDER}/httpd.pid",
        log_dir=FOLDER,
        sizing=gateway_sizing(20),
        account="cemgw",
        group="cemgw",
    )
    assert sorted(rehearsed()) == sorted(wanted)


def test_directives_stand_behind_the_modules_that_know_them() -> None:
    lines = rehearsed()
    last_module = max(index for index, line in enumerate(lines) if line.startswith("LoadModule"))
    assert min(lines.index("User cemgw"), lines.index("Listen 127.0.0.1:20001 https")) > last_module


def test_an_account_of_the_gateway_is_not_taken_over_by_a_rehearsal_without_one() -> None:
    text = render_httpd_conf(INPUTS) + "user root\n  LISTEN 443\n"
    lines = directives(rehearsed_conf(text, RehearsalPlace("127.0.0.1:20001", FOLDER, gateway_sizing(20), None, None)))
    assert not [line for line in lines if line.lower().startswith("user ")]
    assert [line for line in lines if line.lower().startswith("listen ")] == ["Listen 127.0.0.1:20001 https"]


def test_the_capacity_of_a_configuration_is_read_from_it() -> None:
    other = gateway_sizing(15_000)
    found = sizing_of(render_httpd_conf(INPUTS), other)
    mine = gateway_sizing(50)
    assert (found.server_limit, found.thread_limit, found.threads_per_child) == (
        mine.server_limit,
        mine.thread_limit,
        mine.threads_per_child,
    )
    assert sizing_of("", other) == other
