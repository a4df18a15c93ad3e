"""A plan for people: everything that happens, why, and what to beware of, in 80 columns."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from cemops.planning.changes import (
    KNOWN_AFTER_APPLY,
    Action,
    Change,
    HostPlan,
    HostStatus,
    Intent,
    Plan,
    PlanWarning,
    Resource,
    unified_diff,
)
from cemops.rendering.plan_text import WIDTH, change_lines, plan_text, warning_lines

THUMBPRINT = "0123456789ABCDEF0123456789ABCDEF01234567"
CREATED = Change(
    "gw1",
    Resource.FILE,
    "httpd.conf",
    Action.CREATE,
    "the host does not have the configuration of httpd (IG-01, IG-02)",
    after={"digest": "sha256:1"},
    diff=unified_diff(None, "Listen 443\nServerName gw1\n", "httpd.conf"),
)
UPDATED = Change(
    "gw1",
    Resource.SERVICE,
    "httpd",
    Action.UPDATE,
    "the sizing of the running httpd is another one than the one that is declared, which a reload does not change",
    before={"sizing": "ServerLimit=3 ThreadLimit=55 ThreadsPerChild=55", "manager": "direct"},
    after={"sizing": "ServerLimit=4 ThreadLimit=1000 ThreadsPerChild=1000", "manager": "direct"},
    warnings=(PlanWarning("tunnels-drop", "a restart ends every open tunnel; agents dial again", "IG-05"),),
)
REPLACED = Change(
    "gw1",
    Resource.CERTIFICATE,
    "gw1.example",
    Action.REPLACE,
    "it expires in 3 days (CE-05)",
    before={"sha1": THUMBPRINT},
    after={"sha1": KNOWN_AFTER_APPLY},
    warnings=(PlanWarning("agents-cut-off", "agents pin the old thumbprint (IG-06)", "IG-06"),),
)
BY_HAND = Change("ns1", Resource.MACHINE, "ns1", Action.OPERATOR, "set it up by hand until a deploy for it exists")
GW1 = HostPlan(
    "gw1",
    HostStatus.CHANGES,
    (CREATED, UPDATED, REPLACED),
    (PlanWarning("crl-soon-due", "the CRL of ns1-root is due in 5 days", "CE-08"),),
    cut_off=(f"CEM on ns1: 120 agents pin {THUMBPRINT} for gw1.example and lose the gateway",),
)
GW2 = HostPlan("gw2", HostStatus.ERROR, error="the certificate gw2.pfx does not fit gw2.example: name another one")
GW3 = HostPlan("gw3", HostStatus.UNREACHABLE, error="203.0.113.13:22 cannot be reached by SSH: check the firewall")
NS1 = HostPlan("ns1", HostStatus.IN_SYNC, (BY_HAND,), managed=False)


def plan_of(*hosts: HostPlan) -> Plan:
    return Plan("northwind", "0" * 12, "2026-11-22T12:00:00+00:00", hosts, "sha256:" + "0" * 64)


def test_a_plan_with_everything_in_it() -> None:
    assert plan_text(plan_of(GW1, GW2, GW3, NS1)) == snapshot("""\
gw1: changes
  + create file httpd.conf
      the host does not have the configuration of httpd (IG-01, IG-02)
      --- /dev/null
      +++ b/httpd.conf
      @@ -0,0 +1,2 @@
      +Listen 443
      +ServerName gw1
  ~ update service httpd
      the sizing of the running httpd is another one than the one that is
      declared, which a reload does not change
      sizing: ServerLimit=3 ThreadLimit=55 ThreadsPerChild=55 -> ServerLimit=4
      ThreadLimit=1000 ThreadsPerChild=1000
      warning tunnels-drop: a restart ends every open tunnel; agents dial again
      (IG-05)
  ! replace certificate gw1.example
      it expires in 3 days (CE-05)
      sha1: 0123456789ABCDEF0123456789ABCDEF01234567 -> (known after apply)
      warning agents-cut-off: agents pin the old thumbprint (IG-06)
  warning crl-soon-due: the CRL of ns1-root is due in 5 days (CE-08)

gw2: ERROR
    the certificate gw2.pfx does not fit gw2.example: name another one

gw3: UNREACHABLE
    203.0.113.13:22 cannot be reached by SSH: check the firewall

ns1: not managed yet
  ? operator machine ns1
      set it up by hand until a deploy for it exists

Cut off by this plan (apply needs --accept-lockout 1):
  1. CEM on ns1: 120 agents pin 0123456789ABCDEF0123456789ABCDEF01234567 for
     gw1.example and lose the gateway

Plan: 1 of 4 hosts to change, 1 to create, 1 to update, 1 to replace, 1 for the
operator, 3 warnings, 2 failed.\
""")


def test_without_the_diff_no_content_of_a_file_is_shown() -> None:
    assert "Listen 443" in "\n".join(change_lines(CREATED))
    assert "Listen 443" not in "\n".join(change_lines(CREATED, diff=False))
    assert "Listen 443" not in plan_text(plan_of(GW1), brief=True)
    assert "2 lines" in plan_text(plan_of(GW1), brief=True)


def test_every_warning_is_listed_in_one_line_each() -> None:
    assert list(warning_lines(GW1)) == [
        "warning crl-soon-due: the CRL of ns1-root is due in 5 days (CE-08)",
        "warning tunnels-drop: a restart ends every open tunnel; agents dial again (IG-05)",
        "warning agents-cut-off: agents pin the old thumbprint (IG-06)",
    ]


@pytest.mark.parametrize(
    ("hosts", "last"),
    [
        ((HostPlan("gw1", HostStatus.IN_SYNC),), "Nothing to do: 1 host is as declared."),
        ((NS1,), "Nothing to do for cemops; what is left is for people. (1 for the operator)"),
        ((GW3,), "Plan: 0 of 1 host to change, 1 failed."),
        (
            (replace(GW1, warnings=()), NS1),
            "Plan: 1 of 2 hosts to change, 1 to create, 1 to update, 1 to replace, 1 for the operator, 2 warnings.",
        ),
        ((), "Nothing was planned: no machine of that name has a connection (`cemops plan` manages those that do)."),
    ],
)
def test_the_last_line_sums_up(hosts: tuple[HostPlan, ...], last: str) -> None:
    summary = plan_text(plan_of(*hosts)).split("\n\n")[-1].splitlines()
    assert " ".join(summary) == last
    assert max(map(len, summary)) <= 80


@given(st.lists(st.text("abc xyz-", min_size=1), min_size=1))
def test_80_columns_hold_wherever_words_allow(words: list[str]) -> None:
    text = " ".join(words)
    warning = PlanWarning("some-code", text, "IG-01")
    change = replace(UPDATED, reason=text, before={"key": text}, after={"key": f"{text} more"}, warnings=(warning,))
    host = HostPlan("gw1", HostStatus.CHANGES, (change,), (warning,), error=text, cut_off=(text,))
    for line in plan_text(plan_of(host)).splitlines()[:-1]:
        assert len(line) <= WIDTH or len(line.split()) <= 3


@pytest.mark.parametrize("hostile", ["\x1b[2J", "\x9b2J", "\r", "\b", "\x00", "\u202e", "\u2028"])
def test_a_hosts_file_cannot_steer_the_operators_terminal(hostile: str) -> None:
    diff = unified_diff(f"Listen 443 # {hostile}\n", "Listen 443\n", "httpd.conf")
    change = replace(CREATED, action=Action.UPDATE, diff=diff, before={"a": hostile}, after={"a": "x"})
    warning = PlanWarning("some-code", f"found {hostile}")
    host = HostPlan(
        "gw1", HostStatus.CHANGES, (change,), (warning,), error=f"said {hostile}", cut_off=(f"x{hostile}y",)
    )
    shown = [plan_text(plan_of(host)), *change_lines(change), *warning_lines(host)]
    assert hostile not in "\n".join(shown)


@pytest.mark.parametrize(
    ("hosts", "lines"),
    [
        (
            (replace(GW1, changes=(replace(CREATED, intent=Intent.CORRECTIVE),), warnings=(), cut_off=()),),
            ("gw1: drifted", "Drift: 1 of 1 host drifted, 1 to create."),
        ),
        ((HostPlan("gw1", HostStatus.IN_SYNC),), ("gw1: not drifted", "Nothing has drifted on 1 host.")),
        ((GW3,), ("gw3: UNREACHABLE", "Drift: 0 of 1 host drifted, 1 failed.")),
    ],
)
def test_drift_is_told_as_drift(hosts: tuple[HostPlan, ...], lines: tuple[str, str]) -> None:
    told = plan_text(plan_of(*hosts), subject="drift").splitlines()
    assert (told[0], told[-1]) == lines
