"""What a backup of the vendor's gateway on Windows holds (IG-10, IG-11): its files as they are, keys among them.

Of ``smp-7`` that is httpd's configuration, the certificate with its key, client CAs and CRLs. Of ``smp-8`` it is the
same folders, but the certificate lies in server.pfx, whose password only the gateway's manager knows, and ``Settings``
has a format that is not documented (IG-15): whether those restore the gateway cannot be told from the outside.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from cryptography.hazmat.primitives import serialization
from pydantic import SecretStr

from cemops.errors import PkiError
from cemops.model.certificates import CertificateFacts
from cemops.pki.inspection import certificate_facts, certificates_from_bytes, translated
from cemops.pki.keyed_certificate import PrivateKey, key_matches
from cemops.pki.sealed_file import Seal, SealedFile
from cemops.planning.windows.gateway.desired import CERTIFICATE, CONFIGURATION, KEY, PACKED_CERTIFICATE
from cemops.planning.windows.gateway.folders import GatewayFolders

MOST_WINDOWS_BYTES = 44 * 1024 * 1024
"""Of all files together: what one answer of a machine can hold, base64 and its names added."""

WindowsLayout = Literal["smp-7", "smp-8"]
WINDOWS_LAYOUTS: tuple[WindowsLayout, ...] = ("smp-7", "smp-8")


@dataclass(frozen=True)
class WindowsGatewayBackup:
    """The files of one gateway, as they were read from its machine."""

    estate: str
    gateway: str
    created: datetime
    layout: WindowsLayout
    root: str
    """The install folder."""
    files: Mapping[str, bytes] = field(repr=False)
    """By path below the install folder; private keys among them."""
    presented: str | None = None
    """``smp-8``: the thumbprint that the gateway presented then, where it could be dialled."""
    source: str = "the backup"
    """For errors: the machine, or the file that it came from."""

    @property
    def release(self) -> None:
        """No gateway on Windows has releases."""

    @property
    def folders(self) -> GatewayFolders:
        """The folders that the gateway had."""
        return GatewayFolders(self.root)

    @cached_property
    def thumbprint(self) -> str | None:
        """What agents pin (IG-06), as far as it is known."""
        return self.chain[0].sha1 if self.layout == "smp-7" else self.presented

    @cached_property
    def chain(self) -> tuple[CertificateFacts, ...]:
        """``smp-7``: the certificate, then those that are sent with it."""
        what = f"the certificate in {self.source}"
        data = self.at(self.folders.apache_certs, CERTIFICATE)
        if not data:
            raise PkiError(f"there is no {CERTIFICATE} in {self.source}: let the gateway be set up, then back up")
        return tuple(certificate_facts(one, self.source) for one in certificates_from_bytes(data, what))

    @property
    def key(self) -> SecretStr:
        """``smp-7``: the text of server.key, as it lay there."""
        data = self.at(self.folders.apache_certs, KEY)
        if not data:
            raise PkiError(f"there is no {KEY} in {self.source}: see that the gateway serves, then back up again")
        return SecretStr(data.decode("utf-8", "replace"))

    @property
    def configuration(self) -> str:
        """``smp-7``: the text of httpd.conf."""
        data = self.at(self.folders.conf, CONFIGURATION)
        if data is None:
            raise PkiError(f"there is no {CONFIGURATION} in {self.source}: take another backup")
        return data.decode("utf-8", "replace")

    def at(self, folder: str, name: str) -> bytes | None:
        """Return a file of one of :attr:`folders`, whatever the case of its name."""
        return next((data for known, data in self.within(folder) if known.casefold() == name.casefold()), None)

    def within(self, folder: str) -> Iterator[tuple[str, bytes]]:
        """Yield name and content of the files directly in one of :attr:`folders`."""
        prefix = folder.removeprefix(f"{self.root}\\")
        for path, data in self.files.items():
            parent, _, name = path.rpartition("\\")
            if parent.casefold() == prefix.casefold():
                yield name, data

    def check(self) -> None:
        """Raise PkiError where it lacks what makes the gateway what agents know."""
        if self.layout == "smp-8":
            if not self.at(self.folders.certs, PACKED_CERTIFICATE):
                raise PkiError(
                    f"there is no {PACKED_CERTIFICATE} in {self.source}: let the gateway's manager set it up first"
                )
            return
        _ = self.configuration
        with translated(f"the {KEY} in {self.source} cannot be read: see that it has no password"):
            key = serialization.load_pem_private_key(self.key.get_secret_value().encode(), None)
        if not isinstance(key, PrivateKey) or not key_matches(key, self.chain[0]):
            raise PkiError(f"the {KEY} in {self.source} does not belong to the certificate there: run `cemops apply`")

    def unpacked(self) -> Mapping[str, bytes]:
        """Return its files by path, with slashes: for an operator who puts them back by hand."""
        return {path.replace("\\", "/"): data for path, data in self.files.items()}

    def sealed(self, seal: Seal) -> bytes:
        """Return the file that holds it."""
        facts = {
            "estate": self.estate,
            "gateway": self.gateway,
            "created": self.created.isoformat(),
            "layout": self.layout,
            **({} if self.thumbprint is None else {"thumbprint": self.thumbprint}),
        }
        return seal.close(facts, self.sealed_content)

    @cached_property
    def sealed_content(self) -> bytes:
        """What is encrypted, keys among it: for memory alone."""
        files = {path: base64.b64encode(data).decode("ascii") for path, data in self.files.items()}
        content: dict[str, Any] = {"root": self.root, "presented": self.presented, "files": files}
        return json.dumps(content).encode()


def opened_windows(sealed: SealedFile, seal: Seal, layout: WindowsLayout) -> WindowsGatewayBackup:
    """Open a file of one of these layouts. Raises PkiError where it cannot be."""
    plain = seal.open(sealed)
    try:
        content = json.loads(plain)
        found = WindowsGatewayBackup(
            estate=sealed.facts["estate"],
            gateway=sealed.facts["gateway"],
            created=datetime.fromisoformat(sealed.facts["created"]),
            layout=layout,
            root=str(content["root"]),
            files={str(path): base64.b64decode(text, validate=True) for path, text in content["files"].items()},
            presented=content["presented"],
            source=sealed.source,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise PkiError(f"{sealed.source} holds something else than a gateway: take another backup") from None
    found.check()
    return found
