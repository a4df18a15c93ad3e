"""Digests of what was observed: equal as long as nothing that matters has moved."""

from __future__ import annotations

import hashlib
import json


def digest_of(parts: object) -> str:
    """Return the digest of plain JSON data: ``sha256:`` and lower-case hex."""
    return "sha256:" + hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
