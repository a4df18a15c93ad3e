"""What is sent to a gateway: files in one stream on stdin, checked by SHA-256 before anything is touched.

Secrets (the gateway's key) travel here and nowhere else: never in a command line, never in a temporary file of the
operator. The stream is base64 of the files' bytes one after the other; where each begins and ends is no secret and
goes as arguments.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field

READ_ONLY = "0444"
KEY_MODE = "0400"
SCRIPT_MODE = "0500"
PLAIN_MODE = "0644"


@dataclass
class Payload:
    """Collects files; ``path`` is relative to the gateway's root, or ``release/…``, or ``unit``."""

    _content: bytearray = field(default_factory=bytearray, repr=False)
    _manifest: list[str] = field(default_factory=list)

    def add(self, path: str, content: str, mode: str = READ_ONLY) -> None:
        """Add one file."""
        data = content.encode()
        self._manifest += [mode, str(len(self._content)), str(len(data)), path]
        self._content += data

    @property
    def manifest(self) -> tuple[str, ...]:
        """Mode, offset, length, path of each file."""
        return tuple(self._manifest)

    @property
    def sha256(self) -> str:
        """SHA-256 of the content, lower-case hex."""
        return hashlib.sha256(self._content).hexdigest()

    @property
    def stdin(self) -> str:
        """The content as base64 text."""
        return base64.b64encode(self._content).decode()
