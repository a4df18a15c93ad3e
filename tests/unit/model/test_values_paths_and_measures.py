from __future__ import annotations

import zoneinfo
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from cemops.model import values


def read(value_type: Any, value: object) -> Any:
    return TypeAdapter(value_type).validate_python(value)


def refusal(value_type: Any, value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        read(value_type, value)
    return str(caught.value.errors()[0]["ctx"]["error"])


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("/etc/cemops-gateway", "/etc/cemops-gateway"),
        ("/srv/gw_1/v1.0+b@x", "/srv/gw_1/v1.0+b@x"),
        ("/etc/x/", "/etc/x"),
        ("/...", "/..."),
    ],
)
def test_an_absolute_posix_path_is_accepted(written: str, stored: str) -> None:
    assert read(values.PosixPath, written) == stored
    assert read(values.RemoteRoot, written) == stored


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("etc/x", "not absolute"),
        ("~/x", "not absolute"),
        ("/", "whole machine"),
        ("//", "empty part"),
        ("/etc//x", "empty part"),
        ("/etc/../x", "'..'"),
        ("/etc/./x", "'.'"),
        ("/etc/a b", "' '"),
        ("/etc/ä", "'ä'"),
        ("/etc/%h", "'%'"),
        ("/etc/$x", "'$'"),
        ("/etc/" + "a" * 256, "256 characters"),
        ("/a" * 600, "at most 1024"),
    ],
)
def test_a_refused_posix_path_says_why(written: str, says: str) -> None:
    assert says in refusal(values.PosixPath, written)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        (
            "C:\\Program Files (x86)\\Symantec\\SMP Internet Gateway",
            "C:\\Program Files (x86)\\Symantec\\SMP Internet Gateway",
        ),
        ("d:\\gw\\", "D:\\gw"),
        ("C:\\Größe\\console", "C:\\Größe\\console"),
    ],
)
def test_an_absolute_windows_path_is_accepted(written: str, stored: str) -> None:
    assert read(values.WindowsPath, written) == stored
    assert read(values.RemoteRoot, written) == stored


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("\\\\server\\share", "no drive letter"),
        ("\\x", "no drive letter"),
        ("C:x", "no drive letter"),
        ("C:\\", "whole drive"),
        ("C:", "whole drive"),
        ("C:/x", "mixes in /"),
        ("C:\\a\\..\\b", "'..'"),
        ("C:\\a\\\\b", "empty part"),
        ("C:\\con", "device"),
        ("C:\\a\\NUL.txt", "device"),
        ("C:\\com1", "device"),
        ("C:\\a.\\b", "Windows drops"),
        ("C:\\a \\b", "Windows drops"),
        ("C:\\a:b", "':'"),
        ("C:\\a$b", "'$'"),
        ("C:\\a%b", "'%'"),
        ("C:\\a'b", "holds"),
        ("C:\\" + "a" * 200, "at most 200"),
    ],
)
def test_a_refused_windows_path_says_why(written: str, says: str) -> None:
    assert says in refusal(values.WindowsPath, written)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("certs/ns1.cer", "certs/ns1.cer"),
        ("/srv/x", "/srv/x"),
        ("~/.ssh/id_ed25519", "~/.ssh/id_ed25519"),
        ("pki/", "pki"),
        ("a b/ä", "a b/ä"),
    ],
)
def test_a_path_beside_the_estate_is_accepted(written: str, stored: str) -> None:
    assert read(values.EstatePath, written) == stored


@pytest.mark.parametrize(
    "written",
    ["../x", "a/../b", ".", "./x", "~root/x", "~", "~/~/x", "a\\b", "a$b", "a*b", "", "/", "a//b", "a\nb"],
)
def test_a_path_beside_the_estate_leads_to_one_file(written: str) -> None:
    refusal(values.EstatePath, written)


@pytest.mark.parametrize("written", ["00:00", "02:00", "23:59"])
def test_a_clock_time_is_kept(written: str) -> None:
    assert read(values.ClockTime, written) == written


@pytest.mark.parametrize("written", ["24:00", "2:00", "12:60", "12:30:00", "noon", 120, "\u0660\u0662:\u0660\u0660"])
def test_another_clock_time_is_refused(written: object) -> None:
    refusal(values.ClockTime, written)


@pytest.mark.parametrize("written", ["Europe/Tallinn", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+5"])
def test_a_known_time_zone_is_kept(written: str) -> None:
    assert read(values.TimeZoneName, written) == written


@pytest.mark.parametrize(
    "written",
    ["Europe", "Europe/Atlantis", "../etc/passwd", "/etc/localtime", "", "Europe/Tallinn\n", "a" * 31],
)
def test_an_unknown_time_zone_is_refused(written: str) -> None:
    assert "Europe/Tallinn or UTC" in refusal(values.TimeZoneName, written)


def test_a_machine_without_time_zones_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoneinfo, "available_timezones", set)
    assert "install tzdata" in refusal(values.TimeZoneName, "Europe/Atlantis")


@pytest.mark.parametrize("written", ["1.1", "1.4", "TLSv1.2", "1.20"])
def test_another_tls_version_is_refused(written: str) -> None:
    assert '"1.2" or "1.3"' in refusal(values.TlsVersion, written)


def test_an_unquoted_tls_version_is_told_to_be_quoted() -> None:
    assert "put it in quotes" in refusal(values.TlsVersion, 1.2)


@pytest.mark.parametrize("written", ["8.6 RU2", "8.6", "8.1 RU7", "8.5.3645.0", "7.6 HF1"])
def test_a_version_of_itms_is_kept(written: str) -> None:
    assert read(values.ItmsVersion, written) == written


@pytest.mark.parametrize("written", ["8", "8.6 RU2\n", "v8.6", "8.6;", 8.6])
def test_another_version_is_refused(written: object) -> None:
    refusal(values.ItmsVersion, written)


@pytest.mark.parametrize("kind", ["Seconds", "Minutes", "Hours", "Days", "Years"])
@pytest.mark.parametrize("value", [0, -1, True, "5", 5.0, 10**9, None])
def test_a_duration_is_a_positive_whole_number_within_reason(kind: str, value: object) -> None:
    with pytest.raises(ValidationError):
        read(getattr(values, kind), value)
    assert read(getattr(values, kind), 5) == 5


@pytest.mark.parametrize("value", [-1, 101, True, "5", 0.5])
def test_a_percentage_lies_between_0_and_100(value: object) -> None:
    with pytest.raises(ValidationError):
        read(values.Percent, value)
    assert [read(values.Percent, number) for number in (0, 100)] == [0, 100]


@pytest.mark.parametrize("value", [1, 0, "true", "on", None])
def test_a_flag_is_true_or_false(value: object) -> None:
    with pytest.raises(ValidationError):
        read(values.Flag, value)
    assert read(values.Flag, True) is True
