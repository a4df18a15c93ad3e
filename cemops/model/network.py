"""Ports, host names and addresses, each stored in one spelling, so that equal means equal."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import BeforeValidator, Field

from cemops.model.text import require_text, require_trimmed, require_visible, shown

HIGHEST_PORT = 65535
LONGEST_NAME = 253
LONGEST_LABEL = 63

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.ASCII)
_LABEL_CHARACTERS = re.compile(r"[a-z0-9-]*", re.ASCII)
# IDNA 2003 (Python's codec) maps these to other names than IDNA 2008 does: no guess is made for them.
_IDNA_DEVIATIONS = frozenset("ßς\u200c\u200d")


def parse_port(value: object) -> int:
    """Return a TCP port 1-65535 (IG-01); only a whole number is one. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("a port is a whole number from 1 to 65535, without quotes: write it as in 4726")  # noqa: TRY004 -- pydantic reports ValueError only
    if not 1 <= value <= HIGHEST_PORT:
        raise ValueError(f"there is no port {str(value)[:20]}: write a number from 1 to {HIGHEST_PORT}")
    return value


def parse_server_name(value: object) -> str:
    """Return a host name, lower case: labels of letters, digits, hyphens (RFC 1123); one is enough (IG-02).

    Raises ValueError. A name in another script is refused with its A-label (xn--…), where there is one.
    """
    name = require_trimmed(require_text(value, "ns1.corp.example"), 10 * LONGEST_NAME)
    if not name.isascii():
        raise ValueError(_ascii_advice(name))
    require_visible(name)
    name = name.lower()
    if _is_address(name):
        raise ValueError(
            f"{shown(name)} is an IP address, and certificates and agents need a name: write the host's name"
        )
    if name.endswith("."):
        raise ValueError(f"{shown(name)} ends with a dot: write it without the last dot")
    if len(name) > LONGEST_NAME:
        raise ValueError(f"{shown(name)} has {len(name)} characters: a host name has at most {LONGEST_NAME}")
    labels = name.split(".")
    for label in labels:
        _check_label(name, label)
    if labels[-1].isdigit():
        raise ValueError(
            f"{shown(name)} ends in a number, so it is read as an address: write a name, such as ns1.corp.example"
        )
    return name


def parse_fqdn(value: object) -> str:
    """Return a fully qualified host name: a host name of two labels or more, at most 253 characters.

    Raises ValueError.
    """
    name = parse_server_name(value)
    if "." not in name:
        raise ValueError(
            f"{shown(name)} is not a full name: write it with its domain, such as {name[:LONGEST_LABEL]}.corp.example"
        )
    return name


def _check_label(name: str, label: str) -> None:
    if not label:
        raise ValueError(f"{shown(name)} has an empty part: write one dot between two parts")
    if len(label) > LONGEST_LABEL:
        raise ValueError(
            f"{shown(name)} has a part of {len(label)} characters between dots: at most {LONGEST_LABEL} are possible"
        )
    if _LABEL.fullmatch(label):
        return
    if _LABEL_CHARACTERS.fullmatch(label):
        raise ValueError(f"{shown(name)} has a part that begins or ends with a hyphen: host names cannot")
    if "_" in label:
        raise ValueError(
            f"{shown(name)} holds an underscore, which host names cannot: write the name that DNS and the"
            " certificate have"
        )
    raise ValueError(
        f"{shown(name)} is not a host name: only letters, digits, hyphens and dots are possible, no port, no path, no *"
    )


def _ascii_advice(name: str) -> str:
    if len(name) <= LONGEST_NAME and not _IDNA_DEVIATIONS & set(name):
        try:
            label = name.encode("idna").decode("ascii").lower()
        except UnicodeError:
            label = ""
        if label and all(_LABEL.fullmatch(part) for part in label.split(".")):
            return f"{shown(name)} has letters outside ASCII: write its DNS form, {label}"
    return f"{shown(name)} has characters outside ASCII: write the name as DNS has it (xn--…)"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def parse_address(value: object) -> str:
    """Return an IPv4 or IPv6 address in its shortest spelling, without zone. Raises ValueError."""
    text = require_visible(require_trimmed(require_text(value, "203.0.113.11"), 100))
    if "%" in text:
        raise ValueError(f"{shown(text)} has a zone, which means nothing on another machine: write the address alone")
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(
            f"{shown(text)} is not an IP address: write one, such as 203.0.113.11 or 2001:db8::11"
        ) from None


def parse_network(value: object) -> str:
    """Return an IP network as ADDRESS/PREFIX; a lone address is a network of one. Raises ValueError."""
    text = require_visible(require_trimmed(require_text(value, "10.20.9.0/24"), 100))
    address, slash, prefix = text.partition("/")
    if slash and not (prefix.isascii() and prefix.isdigit()):
        raise ValueError(f"{shown(text)} has no prefix length: write the network as 10.20.9.0/24")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            f"{shown(text)} is not an IP network: write one, such as 10.20.9.0/24 or 2001:db8::/48"
        ) from None
    if "%" in address:
        raise ValueError(f"{shown(text)} has a zone, which means nothing on another machine: write the network alone")
    if slash and ipaddress.ip_address(address) != network.network_address:
        raise ValueError(
            f"{shown(text)} is an address inside a network: write the network, {network}, or the host, {address}"
        )
    return str(network)


def parse_listen_address(value: object) -> str:
    """Return ``*`` (every address of the machine) or an address (IG-01). Raises ValueError."""
    if value == "*":
        return "*"
    return parse_address(value)


def parse_host_address(value: object) -> str:
    """Return where a machine is reached: an address, or a host name. Raises ValueError."""
    text = require_text(value, "203.0.113.11")
    return parse_address(text) if ":" in text or _is_address(text) else parse_server_name(text)


Port = Annotated[
    int,
    BeforeValidator(parse_port),
    Field(json_schema_extra={"minimum": 1, "maximum": HIGHEST_PORT}),
]
"""TCP port, 1-65535."""
Fqdn = Annotated[str, BeforeValidator(parse_fqdn)]
"""Full host name, such as ns1.corp.example."""
ServerName = Annotated[str, BeforeValidator(parse_server_name)]
"""Host name as agents say it: full, or one label."""
IpAddress = Annotated[str, BeforeValidator(parse_address)]
"""IPv4 or IPv6 address."""
IpNetwork = Annotated[str, BeforeValidator(parse_network)]
"""IP network, such as 10.20.9.0/24."""
ListenAddress = Annotated[str, BeforeValidator(parse_listen_address)]
"""* for every address, or one IP address."""
HostAddress = Annotated[str, BeforeValidator(parse_host_address)]
"""IP address or host name."""
