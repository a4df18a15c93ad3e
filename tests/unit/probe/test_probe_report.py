"""The report: summary, exit, contract's JSON, and text in 80 columns."""

from __future__ import annotations

from inline_snapshot import snapshot

from cemops.probe.checks import CheckId, CheckResult, ProbeReport, Result, Verdict
from cemops.probe.report_text import Style, report_text


def result(
    check: CheckId, result: Result, detail: str = "as it should be", target: str = "ns1.corp:4726"
) -> CheckResult:
    return CheckResult(check, "gw1", target, Verdict(result, detail, 12.34))


OPENED = result(CheckId.TUNNEL_ALLOWED, "pass")
LONG = "could not be checked: " + "no answer within 10 s (TLS handshake with the gateway) " * 3


def test_every_id_is_the_contracts_and_has_a_fact() -> None:
    assert sorted(one.value for one in CheckId) == sorted(
        [
            "gateway.tunnel.allowed",
            "gateway.inner_tls",
            "gateway.thumbprint",
            "gateway.deny.unlisted_host",
            "gateway.deny.unlisted_port",
            "gateway.deny.cross_pair",
            "gateway.deny.port_prefix",
            "gateway.deny.ip_address",
            "gateway.deny.no_certificate",
            "gateway.deny.unknown_ca",
            "gateway.deny.revoked",
            "gateway.deny.revoked_resumed",
            "gateway.deny.expired",
            "gateway.deny.plain_get",
        ]
    )
    assert [one.expect for one in CheckId].count("allow") == 3
    assert all(one.fact for one in CheckId)


def test_json_is_the_contracts() -> None:
    assert ProbeReport((OPENED,)).as_json() == {
        "schema": 1,
        "checks": [
            {
                "id": "gateway.tunnel.allowed",
                "gateway": "gw1",
                "target": "ns1.corp:4726",
                "expect": "allow",
                "result": "pass",
                "detail": "as it should be",
                "fact": "C-02",
                "ms": 12.3,
            }
        ],
        "summary": {"pass": 1, "fail": 0, "skipped": 0},
    }


def test_a_probe_is_good_only_where_an_agent_got_through_and_nothing_failed() -> None:
    assert ProbeReport((OPENED, result(CheckId.EXPIRED, "skipped"))).ok
    assert not ProbeReport((OPENED, result(CheckId.EXPIRED, "fail"))).ok
    assert not ProbeReport((result(CheckId.EXPIRED, "pass"),)).ok
    assert not ProbeReport((result(CheckId.TUNNEL_ALLOWED, "skipped"), result(CheckId.EXPIRED, "pass"))).ok
    assert not ProbeReport(()).ok


def test_one_proven_gateway_does_not_prove_another() -> None:
    other = CheckResult(CheckId.EXPIRED, "gw2", "ns1.corp:4726", Verdict("pass", "refused"))
    report = ProbeReport((OPENED, other))
    assert (report.ok, report.unproven_gateways) == (False, ("gw2",))


REPORT = ProbeReport(
    (
        OPENED,
        result(CheckId.TUNNEL_ALLOWED, "pass", target="ps1.corp:4726"),
        result(CheckId.TUNNEL_ALLOWED, "fail", LONG, target="ps2.corp:47260"),
        result(CheckId.REVOKED_RESUMED, "pass"),
        result(CheckId.EXPIRED, "skipped", "the authority is not local", target="a" * 60 + ".corp:4726"),
        result(CheckId.EXPIRED, "skipped", "the authority is not local"),
    )
)


def test_text_says_what_passed_in_short_and_the_rest_in_full() -> None:
    assert report_text(REPORT, Style()) == snapshot("""\
gw1
  ✓ gateway.tunnel.allowed         2 of 3                                12 ms
  ✗ gateway.tunnel.allowed         ps2.corp:47260
      could not be checked: no answer within 10 s (TLS handshake with the
      gateway) no answer within 10 s (TLS handshake with the gateway) no answer
      within 10 s (TLS handshake with the gateway)
  ✓ gateway.deny.revoked_resumed   ns1.corp:4726                         12 ms
  - gateway.deny.expired
      aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.corp:4726 and
      1 more
      the authority is not local

3 passed, 1 failed, 2 skipped
""")


REFUSED = "could not be checked: cannot connect: Connection refused"
SILENT_GATEWAY = ProbeReport(
    (
        result(CheckId.THUMBPRINT, "fail", REFUSED, target="gw1.example:443"),
        result(CheckId.TUNNEL_ALLOWED, "fail", "cannot connect: Connection refused; look at the service"),
        result(CheckId.EXPIRED, "fail", REFUSED),
        result(CheckId.REVOKED, "fail", REFUSED),
        result(CheckId.REVOKED, "fail", REFUSED, target="ps1.corp:4726"),
        result(CheckId.PLAIN_GET, "skipped", "not made"),
    )
)


def test_text_says_once_for_each_gateway_what_kept_its_checks_from_being_made() -> None:
    assert report_text(SILENT_GATEWAY, Style()) == snapshot("""\
gw1
  ✗ 5 checks alike
      cannot connect: Connection refused; look at the service
      (thumbprint, tunnel.allowed, deny.expired, deny.revoked)
  - gateway.deny.plain_get         ns1.corp:4726
      not made

0 passed, 5 failed, 1 skipped
gw1 is not proven: no agent was seen to get through it to a server.
""")
    other = CheckResult(CheckId.EXPIRED, "gw2", "ns1.corp:4726", Verdict("fail", REFUSED))
    text = report_text(ProbeReport((*SILENT_GATEWAY.results, other)), Style())
    assert text.count("Connection refused") == 2


def test_what_two_checks_have_in_common_stands_at_each() -> None:
    two = ProbeReport((result(CheckId.EXPIRED, "fail", REFUSED), result(CheckId.REVOKED, "fail", REFUSED)))
    assert report_text(two, Style()).count("Connection refused") == 2


def test_the_summary_tells_refusals_from_proof() -> None:
    refusals = ProbeReport(
        (
            result(CheckId.THUMBPRINT, "pass"),
            result(CheckId.EXPIRED, "pass"),
            result(CheckId.TUNNEL_ALLOWED, "skipped", "no agent"),
        )
    )
    assert report_text(refusals, Style()).partition("\n\n")[2] == snapshot("""\
2 passed, 0 failed, 1 skipped
gw1 is not proven: 1 refusal was seen, but no agent was seen to get through it
to a server.
""")
    nothing = ProbeReport((result(CheckId.TUNNEL_ALLOWED, "skipped", "no agent"),))
    assert report_text(nothing, Style()).partition("\n\n")[2] == snapshot("""\
0 passed, 0 failed, 1 skipped
gw1 is not proven: no agent was seen to get through it to a server.
""")


def test_text_fits_80_columns_without_unicode_and_without_colour() -> None:
    text = report_text(REPORT, Style(unicode=False))
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 80


def test_colour_is_written_only_where_asked_for() -> None:
    assert "\x1b" not in report_text(REPORT, Style())
    assert "\x1b[31m✗\x1b[0m" in report_text(REPORT, Style(color=True))
