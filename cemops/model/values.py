"""Every value type of the estate file; their checks stand in the modules imported here."""

from __future__ import annotations

from cemops.model.identity import (
    AccountName,
    CommonName,
    ComputerPattern,
    DisplayName,
    HostKeyFingerprint,
    ObjectName,
    SecretReference,
    SiteName,
    Thumbprint,
    UserName,
)
from cemops.model.measures import (
    ClockTime,
    Days,
    Flag,
    Hours,
    ItmsVersion,
    Minutes,
    Percent,
    PositiveCount,
    Seconds,
    TimeZoneName,
    TlsVersion,
    Years,
)
from cemops.model.network import Fqdn, HostAddress, IpAddress, IpNetwork, ListenAddress, Port, ServerName
from cemops.model.paths import EstatePath, PosixPath, RemoteRoot, WindowsPath

__all__ = [
    "AccountName",
    "ClockTime",
    "CommonName",
    "ComputerPattern",
    "Days",
    "DisplayName",
    "EstatePath",
    "Flag",
    "Fqdn",
    "HostAddress",
    "HostKeyFingerprint",
    "Hours",
    "IpAddress",
    "IpNetwork",
    "ItmsVersion",
    "ListenAddress",
    "Minutes",
    "ObjectName",
    "Percent",
    "Port",
    "PositiveCount",
    "PosixPath",
    "RemoteRoot",
    "Seconds",
    "SecretReference",
    "ServerName",
    "SiteName",
    "Thumbprint",
    "TimeZoneName",
    "TlsVersion",
    "UserName",
    "WindowsPath",
    "Years",
]
