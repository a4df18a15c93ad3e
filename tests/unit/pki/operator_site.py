"""One operator's estate folder, for the tests of pki."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cemops.model.estate import Estate
from cemops.model.gateways import Gateway
from cemops.model.topology import gateway
from cemops.pki.folder import PkiFolder, pki_folder
from cemops.secret_store import SecretStore

CANARY = "canary-passphrase-3f9"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class Site:
    """One operator's estate folder."""

    folder: Path
    document: dict[str, Any]
    environ: dict[str, str] = field(
        default_factory=lambda: {"PKI": CANARY, "OWN": CANARY + "-own", "PFX": "pfx-secret"}
    )
    now: datetime = NOW

    @property
    def estate(self) -> Estate:
        return Estate.model_validate(self.document)

    @property
    def secrets(self) -> SecretStore:
        return SecretStore(self.folder, self.environ)

    @property
    def pki(self) -> PkiFolder:
        return pki_folder(self.estate, self.folder)

    @property
    def gw1(self) -> Gateway:
        return gateway(self.estate, "gw1")

    def declare(self, certificate: dict[str, Any]) -> None:
        self.document["gateways"][0]["certificate"] = certificate
