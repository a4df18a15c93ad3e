"""What of a machine's answer may be written down: everything but passwords.

``applicationHost.config`` holds passwords of application pools and virtual directories, encrypted by the machine as a
rule; they are nobody's business outside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_PASSWORD = re.compile(r"""(\bpassword\s*=\s*)("[^"]*"|'[^']*')""", re.IGNORECASE)


def recordable(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return a state for a record: the same, with every password of IIS's configuration emptied."""
    iis = state.get("iis")
    if not isinstance(iis, Mapping) or not isinstance(iis.get("config"), str):
        return dict(state)
    return {**state, "iis": {**iis, "config": _PASSWORD.sub(r'\1""', iis["config"])}}
