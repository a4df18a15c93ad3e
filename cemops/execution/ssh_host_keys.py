"""Which host keys are believed: one that is declared, or those of a known_hosts file; a new one never."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import paramiko
from pyinfra.connectors.sshuserclient.client import SSHClient


class HostKeyMismatchError(paramiko.SSHException):
    """The host presented a key that is not the declared one."""

    def __init__(self, key: paramiko.PKey) -> None:
        super().__init__(f"presented {key_fingerprint(key)} ({key.get_name()})")
        self.key = key


class UnknownHostKeyError(paramiko.SSHException):
    """The known_hosts file has no key of the host."""

    def __init__(self, key: paramiko.PKey) -> None:
        super().__init__(f"presented {key_fingerprint(key)} ({key.get_name()})")
        self.key = key


def key_fingerprint(key: paramiko.PKey) -> str:
    """Return the SHA-256 fingerprint as ``ssh-keygen -lf`` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")


class PinnedKey(paramiko.MissingHostKeyPolicy):
    """Accepts exactly one host key."""

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Refuse every key but that one."""
        del client, hostname
        if key_fingerprint(key) != self._fingerprint:
            raise HostKeyMismatchError(key)


class KnownKey(paramiko.MissingHostKeyPolicy):
    """Accepts no key that is not in the known_hosts file."""

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Refuse the key: paramiko asks only about those that the file has not."""
        del client, hostname
        raise UnknownHostKeyError(key)


class PinnedClient(SSHClient):
    """pyinfra's client (it honours ~/.ssh/config), with the host key policy taken out of the user's hands."""

    def __init__(self, policy: paramiko.MissingHostKeyPolicy) -> None:
        super().__init__()
        self._cemops_policy = policy

    def set_missing_host_key_policy(self, policy: Any) -> None:  # noqa: ANN401, ARG002 - paramiko's signature; ours always holds
        """Keep the policy that was given when the client was made."""
        super().set_missing_host_key_policy(self._cemops_policy)


def same_kind(one: paramiko.PKey, other: paramiko.PKey) -> bool:
    """Tell whether two keys are of one kind."""
    return one.get_name() == other.get_name()


def algorithms_of(key: paramiko.PKey) -> list[str]:
    """Return the names under which this kind of key is negotiated."""
    name = key.get_name()
    return ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"] if name == "ssh-rsa" else [name]
