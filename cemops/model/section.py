"""What every section of the estate file shares: frozen, and without room for unknown fields."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One mapping of the estate file.

    Frozen, so that an estate can be shared between hosts that are prepared at the same time; an unknown
    field is an error, because a misspelt field that is silently ignored is a gateway that stays open.
    Inputs are hidden in pydantic's own messages: a secret may stand where a reference belongs. The text below
    a field is its description; ``cemops schema`` hands it on to editors.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )
