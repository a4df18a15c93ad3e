"""Secret references to secrets: ``env:NAME``, ``file:PATH`` and ``keyring:SERVICE/USER``.

A reference is resolved as late as possible and the result lives in memory only, as ``SecretStr``. Nothing is
kept between calls. Errors name the reference and the repair, never the value.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from cemops.errors import SecretError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SECRET_BYTES = 64 * 1024
"""A larger file is not a password or a passphrase, but a wrong path."""


class SecretStore:
    """Resolves the secret references of one estate.

    ``folder`` is the folder of the estate file, against which ``file:`` paths resolve; ``environ`` is the
    environment that ``env:`` reads.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = environ

    def resolve(self, reference: str) -> SecretStr:
        """Return the secret that ``reference`` names.

        Raises SecretError where it cannot be had, is empty, or lies in a file that others may read.
        """
        scheme, separator, rest = reference.partition(":")
        readers = {"env": self._from_environment, "file": self._from_file, "keyring": self._from_keyring}
        reader = readers.get(scheme)
        if reader is None or not separator or not rest:
            # The text may be a secret that was typed where a reference belongs: it is not repeated.
            raise SecretError(
                "a secret reference has an unknown form: write env:NAME, file:PATH or keyring:SERVICE/USER"
            )
        value = reader(reference, rest)
        if not value:
            raise SecretError(f"the secret {reference} is empty: store a value there")
        return SecretStr(value)

    def _from_environment(self, reference: str, name: str) -> str:
        value = self._environ.get(name)
        if value is None:
            raise SecretError(f"the secret {reference} is not set: export {name} before calling cemops")
        return value

    def _from_file(self, reference: str, name: str) -> str:
        try:
            content = _read_private_file(reference, self._folder / Path(name).expanduser())
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: ~user of no such user
            problem = error.strerror if isinstance(error, OSError) and error.strerror else "not a usable path"
            raise SecretError(
                f"the secret {reference} cannot be read ({problem}): put the secret into that file, mode 600"
            ) from None
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            raise SecretError(f"the secret {reference} is not UTF-8 text: save the file as UTF-8") from None
        return text.removesuffix("\r\n") if text.endswith("\r\n") else text.removesuffix("\n")

    def _from_keyring(self, reference: str, name: str) -> str:
        service, separator, user = name.partition("/")
        if not separator or not service or not user:
            raise SecretError(f"the secret {reference} names no user: write keyring:SERVICE/USER")
        try:
            # Imported here: back ends open D-Bus connections, which only those who use a keyring should pay
            # for.
            import keyring  # noqa: PLC0415 - see above

            value = keyring.get_password(service, user)
        except Exception as error:  # noqa: BLE001 - each back end raises classes of its own
            raise SecretError(
                f"the secret {reference} cannot be read from the keyring ({type(error).__name__}): "
                "unlock or install a keyring back end, or use env: or file:"
            ) from None
        if value is None:
            raise SecretError(f"the secret {reference} is not in the keyring: run `keyring set {service} {user}`")
        return value


def _read_private_file(reference: str, path: Path) -> bytes:
    """Read a file that only its owner may read; what is checked is the open file: nobody can swap it."""
    with open(path, "rb", opener=_open_at_once) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise SecretError(f"the secret {reference} is not a regular file: name a file that holds the secret")
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SecretError(f"the secret {reference} can be read by others: run `chmod 600 {path}`")
        if os.geteuid() != 0 and status.st_uid not in (0, os.geteuid()):
            raise SecretError(f"the secret {reference} belongs to another user: run `chown {os.geteuid()} {path}`")
        if status.st_size > MAX_SECRET_BYTES:
            raise SecretError(f"the secret {reference} is larger than {MAX_SECRET_BYTES} bytes: is it the right file?")
        return file.read(MAX_SECRET_BYTES)


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting: a named pipe in that place must not hang the caller."""
    return os.open(path, flags | os.O_NONBLOCK)
