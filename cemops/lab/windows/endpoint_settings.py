"""``endpoint.json``: how a machine's WinRM endpoint listens, who may log on to it, and how unkind it is.

It lies in the machine's folder with mode 0600: the passwords of the machine's accounts are in it, as a real
machine has them in its own way.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cemops.errors import CemopsError
from cemops.lab.folder import write_file
from cemops.lab.windows.wsman_behaviour import Behaviour
from cemops.lab.windows.wsman_logons import Account

ENDPOINT_FILE = "endpoint.json"
STATUS_FILE = "endpoint-status.json"
"""What the running endpoint has counted, written after each request."""


@dataclass(frozen=True)
class EndpointSettings:
    """File names are relative to the machine's folder; ``client_authority`` empty: no client certificates."""

    port: int
    accounts: tuple[Account, ...]
    certificate: str = "winrm.crt"
    key: str = "winrm.key"
    client_authority: str = ""
    behaviour: Behaviour = field(default_factory=Behaviour)

    def write(self, folder: Path) -> None:
        """Write the settings into a machine's folder."""
        document = {"schema": 1, **asdict(self)}
        document["behaviour"]["hang_up_on"] = sorted(self.behaviour.hang_up_on)
        write_file(folder / ENDPOINT_FILE, json.dumps(document, indent=1) + "\n", 0o600)


def read_endpoint_settings(folder: Path) -> EndpointSettings:
    """Return the settings in a machine's folder. Raises CemopsError if there are none."""
    file = folder / ENDPOINT_FILE
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        del document["schema"]
        behaviour = document.pop("behaviour")
        behaviour["hang_up_on"] = frozenset(behaviour["hang_up_on"])
        accounts = tuple(Account(**one) for one in document.pop("accounts"))
        return EndpointSettings(accounts=accounts, behaviour=Behaviour(**behaviour), **document)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CemopsError(f"{file} does not describe a WinRM endpoint: `cemops lab up` makes one") from error
