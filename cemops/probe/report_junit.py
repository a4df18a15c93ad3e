"""The probe's report as JUnit's XML: a suite for each gateway, a case for each check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemops.rendering.junit import JunitCase, JunitSuite, junit_text

if TYPE_CHECKING:
    from cemops.probe.checks import CheckResult, ProbeReport

GROUP = "cemops.probe"
PROVEN = "gateway.proven"
UNPROVEN = "no agent was seen to get through it to a server, so that nothing is proven of it"
NOTHING = "no gateway was probed: the estate declares none"


def report_junit(report: ProbeReport) -> str:
    """Give the report as JUnit's XML. It has a failure wherever the probe fails, so also for an unproven gateway."""
    suites = [
        _suite(gateway, [one for one in report.results if one.gateway == gateway], report)
        for gateway in dict.fromkeys(one.gateway for one in report.results)
    ]
    if not suites:
        suites = [JunitSuite(GROUP, (JunitCase(GROUP, PROVEN, failed=NOTHING),))]
    return junit_text(GROUP, suites)


def _suite(gateway: str, results: list[CheckResult], report: ProbeReport) -> JunitSuite:
    group = f"{GROUP}.{gateway}"
    cases = [_case(group, one) for one in results]
    if gateway in report.unproven_gateways:
        cases.append(JunitCase(group, PROVEN, failed=UNPROVEN))
    return JunitSuite(gateway, tuple(cases))


def _case(group: str, one: CheckResult) -> JunitCase:
    text = f"expected {one.check.expect}: {one.verdict.detail} ({one.check.fact})"
    return JunitCase(
        group,
        f"{one.check.value} {one.target}",
        one.verdict.ms / 1000,
        failed=text if one.result == "fail" else None,
        skipped=text if one.result == "skipped" else None,
    )
