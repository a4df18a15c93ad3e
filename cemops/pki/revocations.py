"""The register of a local authority: which serials it has revoked, and the number of its last CRL.

The register is written before the CRL, so that a number is never given twice and a revocation is never lost.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cemops.errors import PkiError

if TYPE_CHECKING:
    from pathlib import Path

    from cemops.pki.folder import PkiFolder


@dataclass(frozen=True)
class Revocation:
    """One revoked certificate: its serial number, and since when (aware, UTC, whole seconds)."""

    serial: int
    date: datetime


@dataclass(frozen=True)
class Register:
    """What an authority has revoked. ``crl_number`` is the number of the last CRL, 0 before the first."""

    crl_number: int
    revoked: tuple[Revocation, ...]


NO_REVOCATIONS = Register(crl_number=0, revoked=())


def read_register(pki: PkiFolder, authority: str) -> Register | None:
    """Read the register of an authority; None where there is none. PkiError where it is not one."""
    path = pki.revocations(authority)
    if not pki.has(path):
        return None
    data = pki.read(path)
    try:
        document = json.loads(data)
        return Register(
            crl_number=_natural(document["crl_number"]),
            revoked=tuple(_revocation(entry) for entry in document["revoked"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        raise _damaged(path) from None


def write_register(pki: PkiFolder, authority: str, register: Register) -> None:
    """Write the register of an authority."""
    document = {
        "crl_number": register.crl_number,
        "revoked": [{"serial": f"{entry.serial:X}", "date": entry.date.isoformat()} for entry in register.revoked],
    }
    pki.write(pki.revocations(authority), (json.dumps(document, indent=2) + "\n").encode("ascii"))


def _revocation(entry: Any) -> Revocation:  # noqa: ANN401 - JSON holds anything
    date = datetime.fromisoformat(entry["date"])
    if date.tzinfo is None:
        raise ValueError
    return Revocation(serial=_natural(int(entry["serial"], 16)), date=date.astimezone(UTC))


def _natural(value: Any) -> int:  # noqa: ANN401 - JSON holds anything
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError
    return value


def _damaged(path: Path) -> PkiError:
    return PkiError(f"{path} is damaged: restore it from the backup of the pki folder")
