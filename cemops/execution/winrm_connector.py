"""pyinfra connector ``@winrm/NAME``: a Windows machine that is known before a password is sent to it.

What it sends is PowerShell by ``-EncodedCommand``, started without cmd.exe, in one shell and on one connection for the
whole run; what is long, or secret, goes on standard input. Credentials are references, resolved here and never part of
the inventory's data, which pyinfra prints with ``--debug``. Every failure is this host's alone: a ConnectError, or an
OSError while a command runs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from io import IOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from pyinfra import logger
from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.host import Host
from pyinfra.api.output import echo, format_text
from pyinfra.api.state import State
from pyinfra.api.util import get_file_io
from pyinfra.connectors.base import BaseConnector, DataMeta
from pyinfra.connectors.util import CommandOutput, OutputLine

from cemops.errors import CemopsError
from cemops.execution.file_transfer import check_put, fetched, get_input, get_line, put_input, put_line
from cemops.execution.finished_program import FinishedProgram, error_text, powershell_line
from cemops.execution.winrm_target import Authentication, Traffic, WinrmTarget
from cemops.secret_store import SecretStore

if TYPE_CHECKING:
    from pydantic import SecretStr

    from cemops.execution.winrm_shell import WinrmShell

COMMAND_SECONDS = 300
"""The longest that any remote command of cemops may take."""
_BECOMING = ("_sudo", "_su_user", "_doas", "_dzdo")


class WinrmData(TypedDict):
    """Host data that the connector reads: references and places, no secret."""

    cemops_address: str
    cemops_port: int
    cemops_username: str
    cemops_password: str | None
    cemops_authentication: str
    cemops_client_certificate: str | None
    cemops_private_key_file: str | None
    cemops_private_key_passphrase: str | None
    cemops_thumbprint: str | None
    cemops_ca_file: str | None
    cemops_plain_http: bool
    cemops_folder: str


_DATA_META = {
    "cemops_address": DataMeta("Address to dial"),
    "cemops_port": DataMeta("Port of the WinRM listener", 5986),
    "cemops_username": DataMeta("User to log on as"),
    "cemops_password": DataMeta("Reference to the password"),
    "cemops_authentication": DataMeta("ntlm, kerberos, basic or certificate", "ntlm"),
    "cemops_client_certificate": DataMeta("Client certificate file"),
    "cemops_private_key_file": DataMeta("Private key file of the client certificate"),
    "cemops_private_key_passphrase": DataMeta("Reference to the key's passphrase"),
    "cemops_thumbprint": DataMeta("Thumbprint of the endpoint's certificate"),
    "cemops_ca_file": DataMeta("CA file for the endpoint's certificate"),
    "cemops_plain_http": DataMeta("WinRM without TLS, with encrypted messages", False),
    "cemops_folder": DataMeta("Folder of the estate file"),
}


class WinrmConnector(BaseConnector):
    """A Windows machine of the estate over WinRM."""

    handles_execution = True
    data_cls = WinrmData
    data_meta = _DATA_META
    last_complaint = ""
    """Last line on stderr of the last command, where that failed."""
    _shell: WinrmShell | None = None

    def __init__(self, state: State, host: Host) -> None:
        super().__init__(state, host)
        self.traffic = Traffic()

    @staticmethod
    def make_names_data(name: str) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
        """Give the host its plain name, so that ``--limit ns1`` works."""
        yield name, {}, []

    @property
    def remote_commands(self) -> int:
        """Remote processes started on this host so far."""
        return self._shell.commands if self._shell is not None else 0

    @property
    def requests_sent(self) -> int:
        """HTTP requests so far, those of the logon included."""
        return self.traffic.requests_sent

    @property
    def bytes_sent(self) -> int:
        """Bytes of HTTP so far, before TLS."""
        return self.traffic.bytes_sent

    @property
    def bytes_received(self) -> int:
        """Bytes of HTTP so far, before TLS."""
        return self.traffic.bytes_received

    def connect(self) -> None:
        """Check who is there, log on, and open the shell; or raise ConnectError with what to do."""
        # Imported here: pyinfra loads every connector, and who has no Windows machines should not pay for pywinrm.
        from cemops.execution.winrm_shell import WinrmShell  # noqa: PLC0415 - see above

        try:
            if self._shell is None:  # it remembers a refused logon, which is never tried again
                self._shell = WinrmShell(self._target(), self.traffic)
            self._shell.open()
        except (CemopsError, OSError) as error:
            raise ConnectError(str(error)) from None

    def disconnect(self) -> None:
        """Delete the shell on the host, and close the connection."""
        if self._shell is not None:
            self._shell.close()

    def run_program(self, line: str, stdin: bytes, seconds: float) -> FinishedProgram:
        """Run one command line with its input, as bytes. Raises OSError where it could not be run to its end."""
        if self._shell is None:
            raise OSError(f"{self._datum('address')}: not connected")
        logger.debug("Running a command on %s", self.host.name)
        try:
            finished = self._shell.run(line, stdin, seconds)
        except CemopsError as error:
            raise OSError(f"{self._datum('address')}: {error}") from None
        self.last_complaint = finished.complaint if finished.exit_code else ""
        return finished

    def run_shell_command(
        self,
        command: StringCommand,
        print_output: bool = False,
        print_input: bool = False,
        **arguments: Any,  # noqa: ANN401 - pyinfra's connector arguments
    ) -> tuple[bool, CommandOutput]:
        """Run a command of PowerShell with a deadline."""
        del print_input  # the command may be long, and pyinfra would print it whole
        script = _script(command.get_raw_value(), arguments)
        try:
            line = powershell_line(script)
        except CemopsError as error:
            raise OSError(f"{self._datum('address')}: {error}") from None
        seconds = arguments.get("_timeout") or COMMAND_SECONDS
        finished = self.run_program(line, _input(arguments.get("_stdin")), seconds)
        output = CommandOutput(
            [
                *_lines("stdout", finished.stdout.decode("utf-8", "replace")),
                *_lines("stderr", error_text(finished.stderr)),
            ]
        )
        if print_output:
            for one in output.combined_lines:
                text = one.line if one.buffer_name == "stdout" else format_text(one.line, "red")
                echo(f"{self.host.print_prefix}{text}", err=True)
        return finished.exit_code in (arguments.get("_success_exit_codes") or [0]), output

    def put_file(
        self,
        filename_or_io: str | IOBase,
        remote_filename: str,
        remote_temp_filename: str | None = None,
        print_output: bool = False,
        print_input: bool = False,
        **arguments: Any,  # noqa: ANN401 - pyinfra's connector arguments
    ) -> bool:
        """Write a file on the host: beside the old one, checked by SHA-256, then moved over it."""
        del remote_temp_filename, print_input
        _refuse_becoming(arguments)
        with get_file_io(filename_or_io) as file:  # type: ignore[arg-type]  # pyinfra: IOBase here, IO there
            content = file.read()
        finished = self.run_program(put_line(), put_input(remote_filename, content), COMMAND_SECONDS)
        check_put(finished, remote_filename, content)
        self._say(f"file uploaded: {remote_filename}", wanted=print_output)
        return True

    def get_file(
        self,
        remote_filename: str,
        filename_or_io: str | IOBase,
        remote_temp_filename: str | None = None,
        print_output: bool = False,
        print_input: bool = False,
        **arguments: Any,  # noqa: ANN401 - pyinfra's connector arguments
    ) -> bool:
        """Read a file of the host, checked by SHA-256."""
        del remote_temp_filename, print_input
        _refuse_becoming(arguments)
        finished = self.run_program(get_line(), get_input(remote_filename), COMMAND_SECONDS)
        content = fetched(finished, remote_filename)
        with get_file_io(filename_or_io, "wb") as file:  # type: ignore[arg-type]  # as above
            file.write(content)
        self._say(f"file downloaded: {remote_filename}", wanted=print_output)
        return True

    def _say(self, text: str, *, wanted: bool) -> None:
        if wanted:
            echo(f"{self.host.print_prefix}{text}", err=True)

    def _datum(self, name: str) -> Any:  # noqa: ANN401 - host data of several types
        return self.host.data.get(f"cemops_{name}")

    def _target(self) -> WinrmTarget:
        secrets = SecretStore(Path(self._datum("folder") or "."), os.environ)

        def secret(name: str) -> SecretStr | None:
            reference = self._datum(name)
            return secrets.resolve(reference) if reference else None

        def file(name: str) -> Path | None:
            path = self._datum(name)
            return Path(path).expanduser() if path else None

        authentication: Authentication = self._datum("authentication") or "ntlm"
        by_password = authentication in {"ntlm", "basic"}
        return WinrmTarget(
            address=self._datum("address"),
            port=int(self._datum("port") or _DATA_META["cemops_port"].default),
            username=self._datum("username"),
            authentication=authentication,
            password=secret("password") if by_password else None,
            client_certificate=file("client_certificate"),
            private_key_file=file("private_key_file"),
            private_key_passphrase=secret("private_key_passphrase") if authentication == "certificate" else None,
            thumbprint=self._datum("thumbprint"),
            ca_file=file("ca_file"),
            plain_http=bool(self._datum("plain_http")),
        )


def _script(command: str, arguments: Mapping[str, Any]) -> str:
    """Return a command with what pyinfra's arguments ask to hold around it."""
    _refuse_becoming(arguments)
    lines = ["$ProgressPreference = 'SilentlyContinue'"]
    lines += [f"${{env:{name}}} = {_quoted(str(value))}" for name, value in (arguments.get("_env") or {}).items()]
    if folder := arguments.get("_chdir"):
        lines.append(f"Set-Location -LiteralPath {_quoted(folder)} -ErrorAction Stop")
    return "\n".join([*lines, command])


def _quoted(text: str) -> str:
    """Quote for PowerShell: between single quotes only they themselves have a meaning, the typographic ones, too."""
    return "'" + re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", text) + "'"


def _refuse_becoming(arguments: Mapping[str, Any]) -> None:
    used = [name for name in _BECOMING if arguments.get(name)]
    if used:
        raise OSError(f"{', '.join(used)} has no meaning on Windows: log on as an account that may do it")


def _input(stdin: str | Iterable[str] | None) -> bytes:
    """Return the input as pyinfra sends it: every part ends with a line break."""
    if not stdin:
        return b""
    parts = (stdin,) if isinstance(stdin, str) else stdin
    return "".join(part if part.endswith("\n") else f"{part}\n" for part in parts).encode()


def _lines(stream: str, text: str) -> list[OutputLine]:
    return [OutputLine(stream, line.removesuffix("\r")) for line in text.removesuffix("\n").split("\n") if text]
