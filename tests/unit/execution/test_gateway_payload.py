from __future__ import annotations

import base64
import hashlib

from hypothesis import given
from hypothesis import strategies as st

from cemops.execution.gateway_payload import KEY_MODE, READ_ONLY, Payload

CANARY = "canary-private-key"
FILES = st.lists(st.tuples(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1), st.text()))


@given(FILES)
def test_offsets_and_lengths_cut_the_stream_back_into_the_files(files: list[tuple[str, str]]) -> None:
    payload = Payload()
    for path, content in files:
        payload.add(path, content)
    stream = base64.b64decode(payload.stdin, validate=True)
    rows = [payload.manifest[start : start + 4] for start in range(0, len(payload.manifest), 4)]
    cut = [(path, stream[int(offset) : int(offset) + int(length)].decode()) for _, offset, length, path in rows]
    assert cut == files
    assert sum(int(length) for _, _, length, _ in rows) == len(stream)
    assert {mode for mode, *_ in rows} <= {READ_ONLY}
    assert payload.sha256 == hashlib.sha256(stream).hexdigest()


def test_a_secret_is_in_the_stream_alone() -> None:
    payload = Payload()
    payload.add("tls/a.key", CANARY, KEY_MODE)
    assert payload.manifest == (KEY_MODE, "0", str(len(CANARY)), "tls/a.key")
    assert CANARY not in f"{payload!r}{payload.manifest}"
    assert CANARY in base64.b64decode(payload.stdin).decode()
