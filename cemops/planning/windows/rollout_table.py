"""The rollout table SS-05 as data: what happens to an HTTPS binding and its certificate.

Three keys: an HTTPS binding exists on the rollout port, force overwrite, install certificate. With install off, port
and certificate are separate (SS-03): the certificate *there* is the one that http.sys holds for the endpoint, else the
declared one if it is in the computer's store My, else there is no binding, and a warning (SS-13).

Not handled here: the port of another site (``take_port``) and further bindings of the site (``purge_bindings``). No row
implies either of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class RolloutRow:
    """One row: its three keys, and what it says."""

    binding_exists: bool
    force_overwrite: bool
    install_certificate: bool
    binding: Literal["create", "leave", "replace"]
    certificate: Literal["declared", "there"]
    """``declared``: the one of the estate, delivered where it is missing. ``there``: see the module's text."""
    says: str


ROLLOUT_TABLE: tuple[RolloutRow, ...] = (
    RolloutRow(
        False, False, True, "create", "declared", "no binding is on this port: deliver the certificate, create it"
    ),
    RolloutRow(
        True, False, True, "leave", "declared", "deliver the certificate, leave the binding (force_overwrite is off)"
    ),
    RolloutRow(
        False, True, True, "create", "declared", "no binding is on this port: deliver the certificate, create it"
    ),
    RolloutRow(
        True, True, True, "replace", "declared", "deliver the certificate, replace the binding (force_overwrite is on)"
    ),
    RolloutRow(False, False, False, "create", "there", "bind the certificate that is there"),
    RolloutRow(True, False, False, "leave", "there", "the binding stays as it is"),
    RolloutRow(False, True, False, "create", "there", "bind the certificate that is there"),
    RolloutRow(True, True, False, "replace", "there", "bind the certificate that is there again"),
)


def rollout_row(*, binding_exists: bool, force_overwrite: bool, install_certificate: bool) -> RolloutRow:
    """Return the row of SS-05 for one HTTPS binding."""
    keys = (binding_exists, force_overwrite, install_certificate)
    return next(
        row for row in ROLLOUT_TABLE if (row.binding_exists, row.force_overwrite, row.install_certificate) == keys
    )
