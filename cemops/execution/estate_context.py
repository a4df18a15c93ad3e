"""An estate together with what is needed to act on it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cemops.execution.estate_file import LoadedEstate
from cemops.model.estate import Estate
from cemops.secret_store import SecretStore


@dataclass(frozen=True)
class EstateContext:
    """An estate with what is needed to act on it: where its files are, and how its secrets are had."""

    loaded: LoadedEstate
    secrets: SecretStore

    @classmethod
    def of(cls, loaded: LoadedEstate) -> EstateContext:
        """Use the process's environment for ``env:`` references."""
        return cls(loaded, SecretStore(loaded.folder, os.environ))

    @property
    def estate(self) -> Estate:
        """The estate itself."""
        return self.loaded.estate

    @property
    def folder(self) -> Path:
        """The folder against which paths in the estate resolve."""
        return self.loaded.folder
