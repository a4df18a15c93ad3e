"""pyinfra connector ``@cemops-ssh/NAME``: SSH to a host that is known before anything is sent to it.

It differs from pyinfra's own in five ways. The host key is checked against the estate's fingerprint (or a
known_hosts file; a new key is never accepted). Credentials are references, resolved here and never part of the
inventory's data, which pyinfra prints with ``--debug``. TCP_NODELAY is set (52 ms a command become 9). Every command
has a deadline. A sudo that wants a password is an error and never a prompt (``become: sudo`` means NOPASSWD).
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypedDict

import paramiko
from pydantic import SecretStr
from pyinfra import logger
from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.output import echo, format_text
from pyinfra.connectors.base import DataMeta
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.connectors.sshuserclient.client import SSHClient, get_ssh_config
from pyinfra.connectors.util import CommandOutput, make_unix_command_for_host

from cemops.errors import CemopsError
from cemops.execution.finished_program import FinishedProgram, checked_line
from cemops.execution.ssh_exchange import exchange, exchange_bytes
from cemops.execution.ssh_host_keys import (
    HostKeyMismatchError,
    KnownKey,
    PinnedClient,
    PinnedKey,
    UnknownHostKeyError,
    algorithms_of,
    key_fingerprint,
    same_kind,
)
from cemops.secret_store import SecretStore

CONNECT_SECONDS = 10
"""How long a host may take to answer before it counts as unreachable."""
COMMAND_SECONDS = 300
"""The longest that any remote command of cemops may take."""
_REDIRECTIONS = {"proxycommand", "proxyjump"}
"""What of ~/.ssh/config leads to the host by another way."""
_KEY_TYPES = 6
"""More kinds of host keys than a host has."""


# Without a handler paramiko's own messages, with tracebacks, land on stderr; every failure is told in our words below.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class ConnectorData(TypedDict):
    """Host data that the connector reads: references and places, no secret."""

    cemops_address: str
    cemops_port: int
    cemops_username: str
    cemops_password: str | None
    cemops_private_key_file: str | None
    cemops_private_key_passphrase: str | None
    cemops_host_key: str | None
    cemops_known_hosts: str | None
    cemops_folder: str


_DATA_META = {
    "cemops_address": DataMeta("Address to dial"),
    "cemops_port": DataMeta("Port of sshd", 22),
    "cemops_username": DataMeta("User to log on as"),
    "cemops_password": DataMeta("Reference to the password"),
    "cemops_private_key_file": DataMeta("Private key file"),
    "cemops_private_key_passphrase": DataMeta("Reference to the key's passphrase"),
    "cemops_host_key": DataMeta("Fingerprint of the host key"),
    "cemops_known_hosts": DataMeta("known_hosts file"),
    "cemops_folder": DataMeta("Folder of the estate file"),
}


class CheckedSSHConnector(SSHConnector):
    """SSH with a known host key, late secrets, no delay, and deadlines."""

    data_cls = ConnectorData  # type: ignore[assignment]  # pyinfra has a dict for each connector, without a base
    data_meta = {**SSHConnector.data_meta, **_DATA_META}  # noqa: RUF012 - pyinfra declares it so
    remote_commands = 0
    """Remote processes started on this host so far."""
    last_complaint = ""
    """Last line on stderr of the last command, where that failed."""

    @staticmethod
    def make_names_data(name: str) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
        """Give the host its plain name, so that ``--limit gw1`` works."""
        yield name, {}, []

    def connect(self) -> None:
        """Connect, or raise ConnectError with what to do."""
        self.remote_commands = 0
        try:
            self.client = self._connected_client()
        except CemopsError as error:
            raise ConnectError(str(error)) from None
        except HostKeyMismatchError as error:
            raise ConnectError(
                f"The host key is not the declared one ({self._place}: {error}; declared "
                f"{self.host.data.get('cemops_host_key')}). Somebody may be in between. If the host was set up anew, "
                "check its key by another way and change connection.host_key."
            ) from None
        except (paramiko.BadHostKeyException, UnknownHostKeyError) as error:
            raise ConnectError(self._unknown_sentence(error.key)) from None
        except paramiko.AuthenticationException:
            raise ConnectError(
                f"{self._place} refuses the log-on of {self._datum('username')}: check its credential"
            ) from None
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise ConnectError(
                f"{self._place} cannot be reached by SSH ({error}): check address, port and firewall"
            ) from None
        transport = self.client.get_transport()
        if transport is not None and isinstance(transport.sock, socket.socket):
            transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def disconnect(self) -> None:
        """Close the connection."""
        super().disconnect()
        if self.client is not None:
            self.client.close()

    @property
    def _place(self) -> str:
        return f"{self._datum('address')}:{self._datum('port')}"

    def _unknown_sentence(self, key: paramiko.PKey) -> str:
        file = self._datum("known_hosts") or "~/.ssh/known_hosts"
        return (
            f"The host key is not the one in {file} ({self._place}: presented {key_fingerprint(key)} "
            f"({key.get_name()})). Check it by another way, then declare it in connection.host_key."
        )

    def _datum(self, name: str) -> Any:  # noqa: ANN401 - host data of several types
        return self.host.data.get(f"cemops_{name}")

    def _connected_client(self) -> SSHClient:
        """Try the host's keys one type after the other until the declared or known one is met."""
        disabled: list[str] = []
        first: HostKeyMismatchError | UnknownHostKeyError | paramiko.BadHostKeyException | None = None
        for _ in range(_KEY_TYPES):
            try:
                return self._client({"keys": disabled})
            except (HostKeyMismatchError, UnknownHostKeyError, paramiko.BadHostKeyException) as error:
                if isinstance(error, paramiko.BadHostKeyException) and same_kind(error.key, error.expected_key):
                    raise  # the file has another key of this kind: no other kind may answer for it
                first = first or error
                disabled += algorithms_of(error.key)
            except paramiko.ssh_exception.IncompatiblePeer:
                if first is None:
                    raise
                break
        raise first or paramiko.SSHException("no host key could be agreed on")

    def _client(self, disabled: Mapping[str, list[str]]) -> SSHClient:
        host_key = self._datum("host_key")
        client = PinnedClient(PinnedKey(host_key) if host_key else KnownKey())
        known_hosts = os.devnull if host_key else self._datum("known_hosts")
        try:
            client.connect(  # type: ignore[no-untyped-call]  # pyinfra's client has no annotations
                self._datum("address"),
                port=int(self._datum("port")),
                username=self._datum("username"),
                timeout=self.state.config.CONNECT_TIMEOUT or CONNECT_SECONDS,
                banner_timeout=CONNECT_SECONDS,
                auth_timeout=CONNECT_SECONDS,
                disabled_algorithms=dict(disabled),
                _pyinfra_ssh_known_hosts_file=known_hosts,
                _pyinfra_ssh_strict_host_key_checking="yes",
                **self._socket(),
                **self._authentication(),
            )
        except BaseException:
            client.close()
            raise
        return client

    def _socket(self) -> dict[str, socket.socket]:
        """Dial without delay from the first packet on; leave hops of ~/.ssh/config to paramiko."""
        address, port = self._datum("address"), int(self._datum("port"))
        config = get_ssh_config()
        redirected = config.lookup(address) if config is not None else {}
        if redirected.keys() & _REDIRECTIONS:
            return {}
        address = redirected.get("hostname", address)
        connection = socket.create_connection((address, port), self.state.config.CONNECT_TIMEOUT or CONNECT_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return {"sock": connection}

    def _authentication(self) -> dict[str, Any]:
        secrets = SecretStore(Path(self._datum("folder") or "."), os.environ)
        password = self._datum("password")
        key_file = self._datum("private_key_file")
        if key_file:
            passphrase = self._datum("private_key_passphrase")
            key = self.state.private_keys.get(key_file)
            if key is None:  # opening an encrypted one takes a while on purpose: once for all hosts
                key = _private_key(Path(key_file), secrets.resolve(passphrase) if passphrase else None)
                self.state.private_keys[key_file] = key
            return {"pkey": key, "allow_agent": False, "look_for_keys": False}
        if password:
            return {
                "password": secrets.resolve(password).get_secret_value(),
                "allow_agent": False,
                "look_for_keys": False,
            }
        return {"allow_agent": True, "look_for_keys": True}

    def run_shell_command(
        self,
        command: StringCommand,
        print_output: bool = False,
        print_input: bool = False,
        **arguments: Any,  # noqa: ANN401 - pyinfra's connector arguments
    ) -> tuple[bool, CommandOutput]:
        """Run a command with a deadline; a dropped connection is an OSError, which fails this host alone."""
        del print_input  # the command may be long, and pyinfra would print it whole
        timeout = arguments.pop("_timeout", None) or COMMAND_SECONDS
        stdin = arguments.pop("_stdin", None)
        arguments.pop("_get_pty", None)
        success = arguments.pop("_success_exit_codes", None) or [0]
        unix_command = make_unix_command_for_host(self.state, self.host, command, **arguments)
        transport = self.client.get_transport() if self.client is not None else None
        if transport is None:
            raise OSError(f"{self._place}: not connected")
        self.remote_commands += 1
        logger.debug("Running a command on %s", self.host.name)
        try:
            status, output = exchange(
                transport,
                unix_command.get_raw_value(),
                stdin,
                seconds=timeout,
                said=self._print_line if print_output else None,
            )
        except (paramiko.SSHException, EOFError) as error:
            raise OSError(f"{self._place}: the SSH connection failed ({error})") from error
        if status == -1:
            raise OSError(f"{self._place}: the SSH connection was cut while a command ran")
        succeeded = status in success
        said = [line.strip() for line in output.stderr_lines if line.strip()]
        self.last_complaint = "" if succeeded or not said else said[-1]
        return succeeded, output

    def run_program(self, line: str, stdin: bytes, seconds: float) -> FinishedProgram:
        """Run one command line of a Windows machine with its input, as bytes, and nothing around it (no sh, no sudo).

        Raises OSError where it could not be run to its end.
        """
        transport = self.client.get_transport() if self.client is not None else None
        if transport is None:
            raise OSError(f"{self._place}: not connected")
        logger.debug("Running a command on %s", self.host.name)
        try:
            line = checked_line(line)
            self.remote_commands += 1
            finished = FinishedProgram(*exchange_bytes(transport, line, stdin, seconds=seconds))
        except CemopsError as error:
            raise OSError(f"{self._place}: {error}") from None
        except TimeoutError:
            raise TimeoutError(f"{self._place} did not end the command within {seconds:g} s: check the host") from None
        except (paramiko.SSHException, EOFError) as error:
            raise OSError(f"{self._place}: the SSH connection failed ({error})") from error
        if finished.exit_code == -1:
            raise OSError(f"{self._place}: the SSH connection was cut while a command ran")
        self.last_complaint = finished.complaint if finished.exit_code else ""
        return finished

    def _print_line(self, stream: str, line: str) -> None:
        echo(f"{self.host.print_prefix}{line if stream == 'stdout' else format_text(line, 'red')}", err=True)


def _private_key(path: Path, passphrase: SecretStr | None) -> paramiko.PKey:
    path = path.expanduser()
    try:
        return paramiko.PKey.from_path(path, passphrase.get_secret_value().encode() if passphrase else None)
    except FileNotFoundError:
        raise CemopsError(f"the private key {path} does not exist: check private_key_file of the credential") from None
    except TypeError:  # of cryptography: a passphrase is missing, or there is one and the key is not encrypted
        repair = (
            "is not encrypted: take private_key_passphrase out of the credential"
            if passphrase
            else "is encrypted: name its passphrase in private_key_passphrase of the credential"
        )
        raise CemopsError(f"the private key {path} {repair}") from None
    except (OSError, ValueError, paramiko.SSHException) as error:
        raise CemopsError(
            f"the private key {path} cannot be read ({type(error).__name__}): check file and passphrase"
        ) from None
