"""What a gateway host answered, as data: lines ``key TAB value`` of ``remote/observe.sh`` become an ObservedGateway.

An answer that is cut or not understood is an error, never
an empty state: a plan made from nothing would rebuild a healthy gateway.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate

from cemops.errors import CemopsError
from cemops.model.host_lock import HostLock
from cemops.model.observed import (
    HostLimits,
    ObservedCertificate,
    ObservedFile,
    ObservedGateway,
    ObservedHttpd,
    ObservedService,
    PendingSwitch,
)

_HEADER = ["cemops-gateway-state", "1"]
_SHA256_HEX = re.compile("[0-9a-f]{64}")
_SHA256SUM = re.compile(r"(?P<digest>[0-9a-f]{64})  (?P<path>.+)")
"""A line of the program sha256sum."""


@dataclass(frozen=True)
class _Stat:
    """A file as stat and sha256sum saw it; ``size`` in bytes."""

    file: ObservedFile
    size: int


class GatewayStateError(CemopsError):
    """The host's answer is not a complete gateway state."""


def parse_gateway_state(lines: Iterable[str]) -> ObservedGateway:
    """Build the observed gateway from the lines that ``observe.sh`` prints.

    Lines before the header (a login banner) are passed over. :class:`GatewayStateError` is raised where the header or
    the closing line is missing or a value cannot be read.
    """
    values = _values(lines)
    try:
        return _gateway(values)
    except (ValueError, KeyError, IndexError, OverflowError, OSError, binascii.Error) as error:
        raise GatewayStateError(
            f"The host's answer cannot be read ({type(error).__name__}: {error}); is its shell a POSIX shell and are "
            "the coreutils complete?"
        ) from error


def _values(lines: Iterable[str]) -> Mapping[str, list[str]]:
    values: dict[str, list[str]] = defaultdict(list)
    started = False
    for line in lines:
        key, separator, value = line.partition("\t")
        if not started:
            started = [key, value] == _HEADER
        elif separator:
            values[key].append(value)
        elif found := _SHA256SUM.fullmatch(line):
            values["sum"].append(f"{found['digest']} {found['path']}")
    if not started:
        raise GatewayStateError("The host did not answer with a gateway state; can its login shell run sh?")
    if values.pop("end", None) != ["1"]:
        raise GatewayStateError("The host's answer was cut off before its end; observe again.")
    return values


def _contents(values: Mapping[str, list[str]], seen: Mapping[str, _Stat]) -> dict[str, str]:
    """Cut the collected contents into the files that they came from. What comes last takes the rest."""
    names = (_first(values, "collected") or "").split()
    data = base64.b64decode((_first(values, "contents") or "").encode(), validate=True)
    if "sizes" in values:
        sizes = [int(size) for size in (_first(values, "sizes") or "").split()][: len(names)]
    else:
        sizes = [seen[_path_of(values, name)].size for name in names[:-1]]
        sizes += [len(data) - sum(sizes)] if names else []
    if len(sizes) != len(names) or len(data) != sum(sizes) or min(sizes, default=0) < 0:
        raise ValueError("files changed while they were read")
    ends = list(accumulate(sizes))
    return {
        name: data[end - size : end].decode("utf-8", "replace")
        for name, size, end in zip(names, sizes, ends, strict=True)
    }


def _path_of(values: Mapping[str, list[str]], name: str) -> str:
    """Return the path, relative to the gateway's root, of a collected file that stat has seen."""
    if name == "certificate":
        return f"tls/{values['certificate-path'][0].rpartition('/')[2]}"
    return f"releases/{_release_name(_first(values, 'current'))}/{name.removeprefix('live:')}"


def _gateway(values: Mapping[str, list[str]]) -> ObservedGateway:
    stats = _stats(values)
    files_seen = {path: stat.file for path, stat in stats.items()}
    contents = _contents(values, stats)
    current = _first(values, "current")
    return ObservedGateway(
        clock=datetime.fromtimestamp(int(values["clock"][0]), UTC),
        uid=int(values["uid"][0]),
        httpd=_httpd(values),
        openssl=_first(values, "openssl"),
        fips_provider={"1": True, "0": False, None: None}[_first(values, "fips")],
        account_exists="account" in values,
        account_group=_first(values, "account"),
        own_addresses=_own_addresses(values, contents.get("own-addresses", "")),
        current=_release_name(current),
        releases=_releases(files_seen),
        live_files={key.removeprefix("live:"): text for key, text in contents.items() if key.startswith("live:")},
        certificate=_certificate(values, contents.get("certificate")),
        tls_files={path.removeprefix("tls/"): found for path, found in files_seen.items() if path.startswith("tls/")},
        service=_service(values),
        pending=_pending(values),
        lock=_lock(values),
        confirmed=_first(values, "confirmed"),
        limits=_limits(values),
        resolved=_resolved(values),
    )


def _first(values: Mapping[str, list[str]], key: str) -> str | None:
    found = values.get(key)
    return found[0] if found and found[0] else None


def _text(values: Mapping[str, list[str]], key: str) -> str | None:
    found = values.get(key)
    return base64.b64decode(found[0], validate=True).decode("utf-8", "replace") if found else None


def _number(values: Mapping[str, list[str]], key: str) -> int | None:
    found = _first(values, key)
    return int(found) if found and found.isdigit() else None


def _is_address(word: str) -> bool:
    """Tell the addresses in a line of ``getent ahosts`` from the socket types and names beside them."""
    try:
        ipaddress.ip_address(word.partition("%")[0])
    except ValueError:
        return False
    return True


def _httpd(values: Mapping[str, list[str]]) -> ObservedHttpd | None:
    binary = _first(values, "httpd")
    if binary is None:
        return None
    return ObservedHttpd(binary, _first(values, "modules") or "", tuple(values.get("missing-module", ())))


def _limits(values: Mapping[str, list[str]]) -> HostLimits:
    kernel = [int(word) for word in (_first(values, "kernel-limits") or "").split()]
    pid_max, threads_max = kernel if len(kernel) == 2 else (None, None)  # noqa: PLR2004 - the two of observe.sh
    return HostLimits(pid_max, threads_max, _number(values, "nofile"))


def _own_addresses(values: Mapping[str, list[str]], fib_trie: str) -> tuple[str, ...]:
    """Read the machine's addresses: IPv4 out of /proc/net/fib_trie, IPv6 as /proc/net/if_inet6 writes them."""
    found: list[str] = []
    leaf = ""
    for line in fib_trie.splitlines():
        words = line.split()
        if words[:1] in (["|--"], ["+--"]):
            leaf = words[1]
        elif words == ["/32", "host", "LOCAL"]:
            found.append(str(ipaddress.ip_address(leaf)))
    found += [str(ipaddress.ip_address(int(digits, 16).to_bytes(16))) for digits in values.get("address6", ())]
    return tuple(dict.fromkeys(found))


def _release_name(target: str | None) -> str | None:
    if target is None:
        return None
    folder, _, name = target.rpartition("/")
    return name if folder == "releases" or folder.endswith("/releases") else None


def _stats(values: Mapping[str, list[str]]) -> dict[str, _Stat]:
    sums = {path: digest for digest, _, path in (line.partition(" ") for line in values.get("sum", ()))}
    found: dict[str, _Stat] = {}
    for line in values.get("stat", ()):
        mode, uid, size, path = line.split(" ", 3)
        found[path] = _Stat(ObservedFile(sums.get(path, ""), mode, int(uid)), int(size))
    return found


def _releases(seen: Mapping[str, ObservedFile]) -> dict[str, dict[str, ObservedFile]]:
    releases: dict[str, dict[str, ObservedFile]] = defaultdict(dict)
    for path, found in seen.items():
        top, _, rest = path.partition("/")
        if top == "releases":
            name, _, file = rest.partition("/")
            releases[name][file] = found
    return dict(releases)


def _certificate(values: Mapping[str, list[str]], pem: str | None) -> ObservedCertificate | None:
    path = _first(values, "certificate-path")
    if path is None:
        return None
    public = _text(values, "key-public")
    digest = _public_key_digest(public) if public else _noted_digest(_first(values, "key-digest"))
    return ObservedCertificate(path, _first(values, "key-path") or "", pem, digest)


def _noted_digest(text: str | None) -> str | None:
    if text is not None and not _SHA256_HEX.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is no SHA-256")
    return text


def _public_key_digest(pem: str) -> str:
    body = "".join(line for line in pem.splitlines() if not line.startswith("-----"))
    return hashlib.sha256(base64.b64decode(body, validate=True)).hexdigest()


def _service(values: Mapping[str, list[str]]) -> ObservedService:
    pid = _number(values, "pid")
    started_pid, _, started_with = (_first(values, "started") or "").partition(" ")
    return ObservedService(
        running=pid is not None,
        pid=pid,
        loaded=_first(values, "loaded"),
        started_with=started_with if pid is not None and started_pid == str(pid) else None,
        unit=_text(values, "unit"),
        enabled=(_first(values, "enabled") == "enabled") if "enabled" in values else None,
    )


def _pending(values: Mapping[str, list[str]]) -> PendingSwitch | None:
    text = _text(values, "pending")
    if text is None:
        return None
    found = dict(line.partition(" ")[::2] for line in text.splitlines())
    return PendingSwitch(
        token=found["token"],
        previous=found["previous"] or None,
        release=found["release"],
        deadline=datetime.fromtimestamp(int(found["deadline"]), UTC),
        timer_alive="timer-alive" in values,
    )


def _lock(values: Mapping[str, list[str]]) -> HostLock | None:
    """Read who holds the lock; one that was not written whole before the power went is none."""
    found = dict(line.partition(" ")[::2] for line in (_text(values, "lock") or "").splitlines())
    try:
        since, expires = (datetime.fromtimestamp(int(found[key]), UTC) for key in ("since", "expires"))
        return HostLock(values["lock-token"][0], found["store"], found["owner"], since, expires)
    except (KeyError, ValueError, OverflowError, OSError):
        return None


def _resolved(values: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    resolved: dict[str, tuple[str, ...]] = {}
    for line in values.get("resolve", ()):
        name, *words = line.split()
        resolved[name] = tuple(word for word in dict.fromkeys(words) if _is_address(word))
    return resolved
