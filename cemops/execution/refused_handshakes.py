"""Which handshakes httpd refused since a switch, and which of them it had not refused before: from its error log.

httpd says why at ``ssl:info``. Agents with an expired or a revoked certificate are refused rightly, and strangers come
all the time: those without a certificate, with one of a CA that nobody knows, with TLS of long ago. A known CA whose
agents were let in and are refused now speaks against the change.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

SWITCHED = "switched"
"""The line between what was logged before the switch and since."""
_VERIFICATION = re.compile(
    r"AH02276: Certificate Verification: Error \((?P<number>\d+)\): (?P<reason>[^\[]+?) "
    r"\[subject: .* / issuer: (?P<issuer>.*?) / serial: [0-9A-F]+ / notbefore: "
)
_THREAD = re.compile(r"\[pid (\d+:tid \d+)\]")
_HANDSHAKE = "AH02008: "
_LIBRARY = re.compile(r"SSL Library Error: error:[0-9A-F]+:SSL routines::(?P<reason>[^\[-]+)")
_OF_CRLS = frozenset({3, 5, 8, 11, 12, 15, 16, 33, 35, 36, 44})
"""OpenSSL's verification errors that speak of the gateway's files: a CRL that is missing, not valid now, or unfit."""
_UNKNOWN_ISSUER = frozenset({2, 19, 20, 21})
"""Errors that say nothing unless the CA is one that the gateway should know. All others are of one agent: anybody can
show an expired, a weak or a forged certificate, and must not be able to take a change back."""


@dataclass(frozen=True)
class Refused:
    """One refused handshake."""

    reason: str
    issuer: str = ""
    """Of the agent's certificate, as RFC 4514 writes it; empty where none was looked at."""
    number: int = 0
    """OpenSSL's verification error; 0 where none was."""


@dataclass(frozen=True)
class RefusedSinceSwitch:
    """What the log says."""

    sentences: tuple[str, ...]
    """For the operator: agents that are refused since, and were not before."""
    faults: tuple[str, ...]
    """What speaks against the change."""


def since_switch(lines: Sequence[str], authorities: Collection[str]) -> RefusedSinceSwitch:
    """Compare the lines of the log before and after the line SWITCHED.

    ``authorities``: the subjects of the CAs whose agents are to be let in, as RFC 4514 writes them.
    """
    at = lines.index(SWITCHED) if SWITCHED in lines else 0
    wanted = {_compact(name) for name in authorities}
    known = set(refused_handshakes(lines[:at]))
    since = list(refused_handshakes(lines[at:]))
    new = Counter(one for one in since if one not in known and one.number != 0)
    told = ", ".join(sorted(f"{number} of {one.issuer} ({one.reason})" for one, number in new.items()))
    faults = sorted(
        f"{number} of {one.issuer}: {one.reason}" for one, number in new.items() if _speaks_against(one, wanted)
    )
    return RefusedSinceSwitch((f"refused since the switch, and not before: {told}",) if new else (), tuple(faults))


def refused_handshakes(lines: Iterable[str]) -> Iterator[Refused]:
    """Yield what the lines of an error log say of refused handshakes.

    A refused certificate has a line of its own, before the two that every refused handshake has; those are of one
    thread, and others' lines may stand between them.
    """
    open_handshakes: set[str] = set()
    verified: set[str] = set()
    for line in lines:
        thread = found[1] if (found := _THREAD.search(line)) else ""
        if verification := _VERIFICATION.search(line):
            verified.add(thread)
            yield Refused(verification["reason"], verification["issuer"], int(verification["number"]))
        elif _HANDSHAKE in line:
            open_handshakes.add(thread)
        elif (library := _LIBRARY.search(line)) and thread in open_handshakes:
            open_handshakes.discard(thread)
            if thread in verified:
                verified.discard(thread)
            else:
                yield Refused(library["reason"].strip())


def _speaks_against(refused: Refused, authorities: Collection[str]) -> bool:
    if refused.number in _UNKNOWN_ISSUER:
        return _compact(refused.issuer) in authorities
    return refused.number in _OF_CRLS


def _compact(name: str) -> str:
    return name.replace(" ", "").casefold()
