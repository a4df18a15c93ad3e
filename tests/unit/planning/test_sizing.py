from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cemops.errors import CemopsError
from cemops.planning.sizing import Sizing, gateway_sizing

connections = st.integers(min_value=1, max_value=1_000_000)


@given(connections)
def test_workers_cover_the_connections_and_the_headroom(count: int) -> None:
    assert gateway_sizing(count).max_request_workers * 10 >= count * 11


@given(connections)
def test_no_process_more_and_few_threads_more_than_needed(count: int) -> None:
    sizing = gateway_sizing(count)
    needed = -(-count * 11 // 10)
    assert (sizing.processes - 1) * 1000 < needed
    assert sizing.max_request_workers - needed < sizing.processes


@given(connections)
def test_httpd_accepts_the_numbers_as_they_are(count: int) -> None:
    sizing = gateway_sizing(count)
    assert sizing.max_request_workers % sizing.threads_per_child == 0
    assert sizing.max_request_workers <= sizing.server_limit * sizing.threads_per_child
    assert 1 <= sizing.threads_per_child <= sizing.thread_limit <= 20_000
    assert sizing.server_limit <= 20_000
    assert sizing.start_servers <= sizing.server_limit
    assert sizing.max_spare_threads >= sizing.min_spare_threads + sizing.threads_per_child


@given(connections)
def test_the_scoreboard_has_room_for_the_live_and_two_held_generations(count: int) -> None:
    sizing = gateway_sizing(count)
    assert sizing.server_limit == 3 * sizing.processes
    assert sizing.start_servers == sizing.processes


@given(connections)
def test_no_process_is_ever_stopped_for_being_idle(count: int) -> None:
    sizing = gateway_sizing(count)
    assert sizing.max_spare_threads > sizing.max_request_workers


@given(connections)
def test_the_host_grants_what_all_generations_can_use(count: int) -> None:
    sizing = gateway_sizing(count)
    assert sizing.tasks_max > sizing.server_limit * (sizing.threads_per_child + 2)
    assert sizing.tasks_max < sizing.pid_max <= 4_194_304
    assert sizing.nofile >= 2 * sizing.threads_per_child + 100


@given(connections)
def test_more_connections_never_make_a_smaller_gateway(count: int) -> None:
    assert gateway_sizing(count + 1).max_request_workers >= gateway_sizing(count).max_request_workers


def test_15000_connections_are_sized_as_the_docstring_says() -> None:
    assert gateway_sizing(15_000) == Sizing(
        threads_per_child=971,
        thread_limit=971,
        processes=17,
        server_limit=51,
        max_request_workers=16_507,
        start_servers=17,
        min_spare_threads=971,
        max_spare_threads=17_478,
        async_request_worker_factor=2,
        nofile=4_012,
        tasks_max=49_675,
        pid_max=53_771,
    )


def test_a_small_gateway_stays_small() -> None:
    sizing = gateway_sizing(50)
    assert (sizing.start_servers, sizing.threads_per_child, sizing.server_limit) == (1, 55, 3)
    assert (sizing.nofile, sizing.pid_max) == (1024, 32_768)


def test_windows_holds_everything_in_one_child() -> None:
    sizing = gateway_sizing(3000, "windows")
    assert (sizing.threads_per_child, sizing.thread_limit, sizing.server_limit) == (3300, 3300, 1)
    assert (sizing.nofile, sizing.tasks_max, sizing.pid_max) == (0, 0, 0)


def test_windows_headroom_shrinks_towards_the_compiled_limit() -> None:
    assert gateway_sizing(15_000, "windows").threads_per_child == 15_000
    assert gateway_sizing(13_000, "windows").threads_per_child == 14_300


@pytest.mark.parametrize(
    ("count", "platform"), [(0, "linux"), (-1, "windows"), (15_001, "windows"), (5_000_000, "linux")]
)
def test_what_the_platform_cannot_hold_is_refused_with_the_repair(count: int, platform: str) -> None:
    with pytest.raises(CemopsError, match=r"capacity\.concurrent_connections is .*IG-04"):
        gateway_sizing(count, platform)  # type: ignore[arg-type]  # parametrized text
