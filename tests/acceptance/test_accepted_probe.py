"""What an agent on the Internet must be able to reach through the gateways after an apply, and what not."""

from __future__ import annotations

from tests.acceptance.accepted_estate import cemops


def test_agents_get_through_the_gateways_to_what_is_listed_and_to_nothing_else() -> None:
    done = cemops("probe")
    assert done.returncode == 0, done.stdout + done.stderr
