"""Values that say who: names of objects, accounts, fingerprints, references to secrets."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

from pydantic import BeforeValidator

from cemops.model.paths import parse_estate_path
from cemops.model.text import hidden_character, require_text, require_trimmed, require_visible, shown

SHA1_DIGITS = 40
SHA256_DIGITS = 64
LONGEST_DISPLAY_NAME = 255
LONGEST_COMMON_NAME = 64
"""The upper bound of commonName in X.520 (RFC 5280, ub-common-name)."""
LONGEST_OBJECT_NAME = 63
LONGEST_USER_NAME = 104
SERVICE_IDENTITIES = ("LocalService", "LocalSystem", "NetworkService")

_OBJECT_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_POSIX_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)
_COMPUTER_PATTERN = re.compile(r"[A-Za-z0-9*?](?:[A-Za-z0-9*?._-]*[A-Za-z0-9*?])?", re.ASCII)
_HOST_KEY = re.compile(r"SHA256:[A-Za-z0-9+/]{43}", re.ASCII)
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_COMMON_NAME_EXTRA = frozenset(" .,-_()@&+:")
_USER_NAME_EXTRA = frozenset(" ._-")
_SITE_NAME_REFUSED = frozenset("\\/?;:@&=+$,|\"<>*%`'")


def parse_object_name(value: object) -> str:
    """Return the name of an object of the estate (gw1): also a file name and a host name of pyinfra.

    Raises ValueError.
    """
    name = require_text(value, "gw1")
    require_visible(require_trimmed(name, LONGEST_OBJECT_NAME))
    if not _OBJECT_NAME.fullmatch(name) or ".." in name:
        raise ValueError(
            f"{shown(name)} cannot be a name here: use ASCII letters, digits and single . _ - between"
            " them, such as gw1 or ns1-root"
        )
    return name


def parse_computer_pattern(value: object) -> str:
    """Return a computer's name, in which ``*`` and ``?`` stand for other characters (SS-09).

    Raises ValueError.
    """
    pattern = require_text(value, "lap-*")
    require_visible(require_trimmed(pattern, LONGEST_DISPLAY_NAME))
    if not _COMPUTER_PATTERN.fullmatch(pattern):
        raise ValueError(
            f"{shown(pattern)} matches no computer name: use letters, digits, . _ - and the wildcards * and ?"
        )
    return pattern


def parse_display_name(value: object) -> str:
    """Return a name for people, such as Default Internet Site: any script, nothing invisible.

    Raises ValueError.
    """
    name = require_text(value, "Default Internet Site")
    return require_visible(require_trimmed(name, LONGEST_DISPLAY_NAME))


def parse_site_name(value: object) -> str:
    """Return the name of an IIS site, without the characters that IIS refuses and those that quote.

    Raises ValueError.
    """
    name = parse_display_name(value)
    _require_alphanumeric_start(name)
    for character in name:
        if character in _SITE_NAME_REFUSED:
            raise ValueError(
                f"{shown(name)} holds {shown(character)}, which the name of an IIS site cannot: leave it out"
            )
    return name


def parse_common_name(value: object) -> str:
    """Return the common name of a certificate's subject: at most 64 characters (RFC 5280).

    Raises ValueError.
    """
    name = require_text(value, "Northwind DMZ CA")
    require_visible(require_trimmed(name, LONGEST_COMMON_NAME))
    _require_alphanumeric_start(name)
    for character in name:
        if not (character in _COMMON_NAME_EXTRA or unicodedata.category(character)[0] in "LMN"):
            raise ValueError(
                f"{shown(name)} holds {shown(character)}: a common name is made of letters, digits, spaces"
                " and . , - _ ( ) @ & + :"
            )
    return name


def _require_alphanumeric_start(name: str) -> None:
    if not name[0].isalnum():
        raise ValueError(f"{shown(name)} does not begin with a letter or digit: write a name that does")


def is_posix_account(name: str) -> bool:
    """Tell whether the name can be an account on Linux: ``[a-z_][a-z0-9_-]{0,31}``."""
    return _POSIX_ACCOUNT.fullmatch(name) is not None


def parse_account_name(value: object) -> str:
    r"""Return the account of a service (IG-07): a POSIX one, LocalService and its like, or ``DOMAIN\name``.

    Raises ValueError.
    """
    name = require_text(value, "cemgw")
    for identity in SERVICE_IDENTITIES:
        if name.casefold() == identity.casefold():
            return identity
    if is_posix_account(name):
        return name
    if "\\" in name:
        return parse_user_name(name)
    require_visible(require_trimmed(name, LONGEST_USER_NAME))
    raise ValueError(
        f"{shown(name)} cannot be a service account: write a Linux account (small letters, digits, _ and"
        " -, at most 32),"
        r" LocalService, or DOMAIN\name in single quotes"
    )


def parse_user_name(value: object) -> str:
    r"""Return who logs in: ``root``, ``CORP\svc-cemops``, ``.\cemops`` or ``svc@corp.example``.

    Raises ValueError.
    """
    name = require_text(value, "root")
    require_visible(require_trimmed(name, LONGEST_USER_NAME))
    domain, backslash, account = name.rpartition("\\")
    parts = [account, domain] if backslash and domain != "." else [account]
    if not backslash and account.count("@") == 1:
        parts = account.split("@")
    for part in parts:
        if not part or part != part.strip() or not all(_is_user_character(character) for character in part):
            raise ValueError(
                f"{shown(name)} is not a user name: write root, 'CORP\\name', '.\\name' or name@corp.example;"
                " letters, digits, spaces and . _ - are possible"
            )
        if not (part[0].isalnum() or part[0] == "_"):
            raise ValueError(f"{shown(name)} has a part that does not begin with a letter, digit or _")
    return name


def _is_user_character(character: str) -> bool:
    return character in _USER_NAME_EXTRA or character.isalnum()


def parse_thumbprint(value: object) -> str:
    """Return a thumbprint as upper-case hex: 40 digits (SHA-1) or 64 (SHA-256), no separators (CE-04).

    Accepts what Windows and openssl show: spaces, colons, lower case, and the invisible marks (U+200E and
    others) that the certificate dialog of Windows puts in front. Raises ValueError, saying what it got.
    """
    text = require_text(value, "5A:1C:0D:7E:…")
    digits = "".join(
        character for character in text if not (character == ":" or character.isspace() or hidden_character(character))
    )
    for character in digits:
        if character not in "0123456789abcdefABCDEF":
            raise ValueError(
                f"{shown(character)} is not a hexadecimal digit: a thumbprint is 40 (SHA-1) or 64"
                " (SHA-256) of 0-9 and A-F"
            )
    if len(digits) not in (SHA1_DIGITS, SHA256_DIGITS):
        raise ValueError(f"the thumbprint has {len(digits)} digits: it needs 40 (SHA-1) or 64 (SHA-256); copy it whole")
    return digits.upper()


def parse_host_key(value: object) -> str:
    """Return the fingerprint of an SSH host key as ``ssh-keygen -l`` prints it (SHA256: and 43 characters).

    Raises ValueError.
    """
    text = require_text(value, "SHA256:…").removesuffix("=")
    if not _HOST_KEY.fullmatch(text):
        raise ValueError(
            f"{shown(text)} is not a host key's fingerprint: write SHA256: and 43 characters, as"
            " ssh-keygen -l -f KEY.pub prints it"
        )
    return text


def parse_secret_reference(value: object) -> str:
    """Return where a secret is found: ``env:NAME``, ``file:PATH`` or ``keyring:SERVICE/USER``.

    Raises ValueError, which never repeats the value: it may be the secret itself.
    """
    if isinstance(value, str) and _is_reference(value):
        return value
    raise ValueError(
        "this is no reference to a secret (the value is not shown): write env:NAME, file:PATH (no .. in it) or"
        " keyring:SERVICE/USER;"
        " a secret itself has no place in this file, so change it if it stood here"
    )


def _is_reference(value: str) -> bool:
    scheme, _, rest = value.partition(":")
    if scheme == "env":
        return _ENVIRONMENT_NAME.fullmatch(rest) is not None
    if scheme == "file":
        try:
            parse_estate_path(rest)
        except ValueError:
            return False
        return True
    if scheme == "keyring":
        service, slash, user = rest.rpartition("/")
        parts = (service, user)
        return bool(slash) and all(part and part == part.strip() and not hidden_character(part) for part in parts)
    return False


ObjectName = Annotated[str, BeforeValidator(parse_object_name)]
"""Name of an object of this estate."""
ComputerPattern = Annotated[str, BeforeValidator(parse_computer_pattern)]
"""Computer name; * and ? are wildcards."""
DisplayName = Annotated[str, BeforeValidator(parse_display_name)]
"""Name for people."""
SiteName = Annotated[str, BeforeValidator(parse_site_name)]
"""Name of an IIS site."""
CommonName = Annotated[str, BeforeValidator(parse_common_name)]
"""Common name of a certificate."""
AccountName = Annotated[str, BeforeValidator(parse_account_name)]
"""Account a service runs as."""
UserName = Annotated[str, BeforeValidator(parse_user_name)]
r"""Who logs in: root, CORP\name, .\name."""
Thumbprint = Annotated[str, BeforeValidator(parse_thumbprint)]
"""SHA-1 or SHA-256 thumbprint, hex."""
HostKeyFingerprint = Annotated[str, BeforeValidator(parse_host_key)]
"""SHA256: fingerprint of an SSH host key."""
SecretReference = Annotated[str, BeforeValidator(parse_secret_reference)]
"""A secret as env:NAME, file:PATH or keyring:SERVICE/USER; never the secret itself."""
