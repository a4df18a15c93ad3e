"""Values that count or tell time; a duration's unit stands in the name of its field."""

from __future__ import annotations

import re
import zoneinfo
from typing import Annotated

from annotated_types import Ge, Le
from pydantic import BeforeValidator, Strict

from cemops.model.text import require_text, shown

TLS_VERSIONS = ("1.2", "1.3")

_CLOCK_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
_ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]{1,30}(?:/[A-Za-z0-9_+-]{1,30}){0,3}", re.ASCII)
_ITMS_VERSION = re.compile(r"[0-9]{1,2}(?:\.[0-9]{1,5}){1,3}(?: (?:RU|HF|MP|SP)[0-9]{1,3})*", re.ASCII)


def parse_clock_time(value: object) -> str:
    """Return a time of day as HH:MM, 00:00 to 23:59. Raises ValueError."""
    text = require_text(value, "02:00")
    if not _CLOCK_TIME.fullmatch(text):
        raise ValueError(f'{shown(text)} is not a time of day: write HH:MM from "00:00" to "23:59", in quotes')
    return text


def parse_time_zone(value: object) -> str:
    """Return the name of a time zone of the IANA database, such as Europe/Tallinn. Raises ValueError."""
    text = require_text(value, "Europe/Tallinn")
    if not _ZONE_NAME.fullmatch(text):
        raise ValueError(f"{shown(text)} is not the name of a time zone: write one such as Europe/Tallinn or UTC")
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(_no_such_zone(text)) from None
    return text


def _no_such_zone(name: str) -> str:
    if not zoneinfo.available_timezones():
        return "this machine has no time zone database, so no time zone is known: install tzdata"
    return f"there is no time zone {shown(name)}: write one such as Europe/Tallinn or UTC"


def parse_tls_version(value: object) -> str:
    """Return a TLS version: 1.2 or 1.3. Raises ValueError."""
    text = require_text(value, "1.2")
    if text not in TLS_VERSIONS:
        raise ValueError(f'{shown(text)} is not a TLS version that is used here: write "1.2" or "1.3"')
    return text


def parse_itms_version(value: object) -> str:
    """Return a version of ITMS, such as 8.6 RU2. Raises ValueError."""
    text = require_text(value, "8.6 RU2")
    if not _ITMS_VERSION.fullmatch(text):
        raise ValueError(f'{shown(text)} is not a version of ITMS: write it as in "8.6 RU2"')
    return text


Flag = Annotated[bool, Strict()]
"""``true`` or ``false``; never a number, never a word that YAML 1.1 would read as one of them."""
TlsVersion = Annotated[str, BeforeValidator(parse_tls_version)]
"""TLS version, "1.2" or "1.3"."""
ItmsVersion = Annotated[str, BeforeValidator(parse_itms_version)]
"""Version of ITMS, such as 8.6 RU2."""
ClockTime = Annotated[str, BeforeValidator(parse_clock_time)]
"""Time of day, HH:MM."""
TimeZoneName = Annotated[str, BeforeValidator(parse_time_zone)]
"""IANA time zone."""
Seconds = Annotated[int, Strict(), Ge(1), Le(86_400)]
Minutes = Annotated[int, Strict(), Ge(1), Le(525_600)]
Hours = Annotated[int, Strict(), Ge(1), Le(8_760)]
Days = Annotated[int, Strict(), Ge(1), Le(7_305)]
"""Up to 20 years, which is how long the vendor's permanent certificates last (CE-03)."""
Years = Annotated[int, Strict(), Ge(1), Le(30)]
Percent = Annotated[int, Strict(), Ge(0), Le(100)]
PositiveCount = Annotated[int, Strict(), Ge(1), Le(10_000_000)]
