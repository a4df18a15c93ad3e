"""The probe's report as JUnit's XML: a failure wherever the probe fails, and nowhere else."""

from __future__ import annotations

from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from cemops.probe.checks import CheckId, CheckResult, ProbeReport, Verdict
from cemops.probe.report_junit import PROVEN, report_junit
from tests.unit.rendering.nasty_texts import texts

OPENED = CheckResult(CheckId.TUNNEL_ALLOWED, "gw1", "ns1.corp:4726", Verdict("pass", "opened", 1234.5))
REFUSED = CheckResult(CheckId.REVOKED, "gw1", "ns1.corp:4726", Verdict("fail", "it got through", 20.0))
SKIPPED = CheckResult(CheckId.EXPIRED, "gw1", "ns1.corp:4726", Verdict("skipped", "no such certificate"))
UNPROVEN = CheckResult(CheckId.PLAIN_GET, "gw2", "gw2.corp:443", Verdict("pass", "refused", 3.0))

results = st.builds(
    CheckResult,
    st.sampled_from(CheckId),
    st.sampled_from(["gw1", "gw2", "gw<3>"]),
    texts,
    st.builds(Verdict, st.sampled_from(["pass", "fail", "skipped"]), texts, st.floats(0, 1e6)),
)


def test_each_gateway_is_a_suite_with_its_checks_and_their_times() -> None:
    root = fromstring(report_junit(ProbeReport((OPENED, REFUSED, SKIPPED))))
    (suite,) = root
    assert {name: suite.get(name) for name in ("name", "tests", "failures", "skipped", "time")} == {
        "name": "gw1",
        "tests": "3",
        "failures": "1",
        "skipped": "1",
        "time": "1.254",
    }
    opened, refused, skipped = suite
    assert (opened.get("name"), opened.get("time"), len(opened)) == (
        "gateway.tunnel.allowed ns1.corp:4726",
        "1.234",
        0,
    )
    assert refused[0].get("message") == "expected deny: it got through (CE-08)"
    assert skipped[0].tag == "skipped"


def test_a_gateway_that_is_not_proven_has_a_failure_that_says_so() -> None:
    root = fromstring(report_junit(ProbeReport((OPENED, UNPROVEN))))
    assert [suite.get("failures") for suite in root] == ["0", "1"]
    assert [case.get("name") for case in root.iter("testcase") if len(case)] == [PROVEN]


def test_a_probe_of_nothing_is_a_failure() -> None:
    assert fromstring(report_junit(ProbeReport(()))).get("failures") == "1"


@given(st.lists(results, max_size=6))
def test_there_is_a_failure_exactly_where_the_probe_fails(found: list[CheckResult]) -> None:
    report = ProbeReport(tuple(found))
    root = fromstring(report_junit(report).encode("utf-8"))
    assert (root.get("failures") == "0") is report.ok
    assert root.get("tests") == str(len(list(root.iter("testcase"))))
    assert len(list(root.iter("failure"))) == int(root.get("failures", ""))
