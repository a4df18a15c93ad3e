"""What a backup of a gateway holds (IG-11), in memory, and as the content of a sealed file.

Everything that makes the gateway what agents know: its certificate with the key (IG-06: they pin the thumbprint), the
client CAs and CRLs, the configuration, and the systemd unit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives import serialization
from pydantic import SecretStr

from cemops.errors import PkiError
from cemops.model.certificates import CertificateFacts
from cemops.pki.inspection import certificate_facts, certificates_from_bytes, translated
from cemops.pki.keyed_certificate import PrivateKey, key_matches
from cemops.pki.sealed_file import Seal, SealedFile
from cemops.planning.desired_gateway import UNIT

MOST_BYTES = 64 * 1024 * 1024
"""A gateway with a CRL of 100,000 entries has 7.2 MB; anything larger is something else."""
MOST_FILE_BYTES = MOST_BYTES + 4 * 1024 * 1024
"""Of the file: JSON writes a line break as two characters."""


@dataclass(frozen=True)
class GatewayBackup:
    """A gateway's live release, certificate and key, as they were read from its host."""

    estate: str
    gateway: str
    created: datetime
    root: str
    release: str
    """Name of the live release's folder; the files name it."""
    files: Mapping[str, str]
    """Text of the release's files by name."""
    certificate_path: str
    key_path: str
    certificate: str
    """The certificate file's text, chain included."""
    key: SecretStr = field(repr=False)
    unit: str | None = None
    confirmed: str | None = None
    """The release that was confirmed last."""
    source: str = "the backup"
    """For errors: the host, or the file that it came from."""

    @cached_property
    def chain(self) -> tuple[CertificateFacts, ...]:
        """The certificate, then those that are sent with it."""
        found = certificates_from_bytes(self.certificate.encode(), f"the certificate in {self.source}")
        return tuple(certificate_facts(one, self.source) for one in found)

    @property
    def layout(self) -> str:
        """How a gateway on stock httpd lies on its host."""
        return "httpd"

    @property
    def facts(self) -> CertificateFacts:
        """What the gateway's certificate says."""
        return self.chain[0]

    @property
    def thumbprint(self) -> str:
        """What agents pin (IG-06)."""
        return self.facts.sha1

    def check(self) -> None:
        """Raise PkiError unless certificate and key belong together: a backup without its key restores nothing."""
        with translated(f"the key in {self.source} cannot be read: see what the live configuration names"):
            key = serialization.load_pem_private_key(self.key.get_secret_value().encode(), None)
        if not isinstance(key, PrivateKey) or not key_matches(key, self.facts):
            raise PkiError(f"the key in {self.source} does not belong to the certificate there: run `cemops apply`")

    def unpacked(self) -> Mapping[str, bytes]:
        """Return its files by name: for an operator who puts them back by hand."""
        texts = {
            **self.files,
            self.certificate_path.rpartition("/")[2]: self.certificate,
            self.key_path.rpartition("/")[2]: self.key.get_secret_value(),
            **({} if self.unit is None else {UNIT: self.unit}),
        }
        return {name: text.encode() for name, text in texts.items()}

    def sealed(self, seal: Seal) -> bytes:
        """Return the file that holds it."""
        facts = {
            "estate": self.estate,
            "gateway": self.gateway,
            "created": self.created.isoformat(),
            "layout": self.layout,
            "release": self.release,
            "thumbprint": self.thumbprint,
        }
        return seal.close(facts, self.sealed_content)

    @cached_property
    def sealed_content(self) -> bytes:
        """What is encrypted, the key among it: for memory alone."""
        content: dict[str, Any] = {
            "root": self.root,
            "release": self.release,
            "files": dict(self.files),
            "certificate_path": self.certificate_path,
            "key_path": self.key_path,
            "certificate": self.certificate,
            "key": self.key.get_secret_value(),
            "unit": self.unit,
            "confirmed": self.confirmed,
        }
        return json.dumps(content).encode()


def opened(sealed: SealedFile, seal: Seal) -> GatewayBackup:
    """Open a file. Raises PkiError where it cannot be."""
    plain = seal.open(sealed)
    try:
        content = json.loads(plain)
        found = GatewayBackup(
            estate=sealed.facts["estate"],
            gateway=sealed.facts["gateway"],
            created=datetime.fromisoformat(sealed.facts["created"]),
            source=sealed.source,
            **{**content, "key": SecretStr(content["key"])},
        )
    except (ValueError, KeyError, TypeError):
        raise PkiError(f"{sealed.source} holds something else than a gateway: take another backup") from None
    found.check()
    return found
