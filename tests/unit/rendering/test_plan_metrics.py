"""A plan as metrics: read back by the grammar of Prometheus' text format, strictly."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from cemops.planning.changes import Action, Change, HostPlan, HostStatus, Intent, Plan, PlanWarning, Resource
from cemops.planning.expiries import Expiry
from cemops.rendering.plan_metrics import LastApply, drift_metrics, plan_metrics
from cemops.rendering.terminal import visible_utf8
from tests.unit.rendering.nasty_texts import NASTY, texts

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LABEL = re.compile(r'([a-z0-9_]+)="((?:[^"\\\n]|\\[\\n"])*)"')
LINE = re.compile(
    rf"(?P<name>[a-z_]+){{(?P<labels>{LABEL.pattern}(?:,{LABEL.pattern})*)}} (?P<value>-?[0-9]+(?:\.[0-9]+)?)"
)
UNESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}

Labels = tuple[tuple[str, str], ...]
Samples = dict[tuple[str, Labels], float]


def read(text: str) -> Samples:
    """Parse as the format says: each family once, with help and type before its samples; no sample twice."""
    assert text.endswith("\n")
    samples: Samples = {}
    families: list[str] = []
    helped = ""
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("# HELP "):
            helped = line.split(" ", 3)[2]
            assert len(line.split(" ", 3)) == 4
        elif line.startswith("#"):
            assert line == f"# TYPE {helped} gauge"
            assert helped not in families
            families.append(helped)
        else:
            found = LINE.fullmatch(line)
            assert found, line
            assert found["name"] == families[-1]
            pairs = LABEL.findall(found["labels"])
            labels = tuple((key, re.sub(r"\\.", lambda one: UNESCAPED[one[0]], value)) for key, value in pairs)
            assert len({key for key, _ in labels}) == len(labels)
            assert (found["name"], labels) not in samples
            samples[found["name"], labels] = float(found["value"])
    assert all(re.fullmatch("cemops_[a-z_]+", family) for family in families)
    return samples


def of(samples: Samples, family: str, **wanted: str) -> list[float]:
    return [
        value
        for (found, labels), value in samples.items()
        if found == family and wanted.items() <= dict(labels).items()
    ]


def plan_of(*hosts: HostPlan, estate: str = "northwind") -> Plan:
    return Plan(estate, "0" * 12, NOW.isoformat(), hosts, "sha256:" + "0" * 64)


CHANGE = Change(
    "gw1",
    Resource.FILE,
    "httpd.conf",
    Action.CREATE,
    "why",
    warnings=(PlanWarning("a-b", "c"),),
    intent=Intent.INTENDED,
)
GW1 = HostPlan("gw1", HostStatus.CHANGES, (CHANGE,), (PlanWarning("d-e", "f"),), cut_off=("CEM",))
GW2 = HostPlan("gw2", HostStatus.UNREACHABLE, error="no answer")
NS1 = HostPlan("ns1", HostStatus.IN_SYNC, managed=False)
EXPIRIES = (
    Expiry("gw1", "gateway", "gw1.example", NOW + timedelta(days=30, hours=12), sha1="AB" * 20),
    Expiry("gw1", "crl", "CN=Root", NOW - timedelta(days=1)),
    Expiry("ps1", "http_sys", "ps1.example", NOW + timedelta(days=7), "0.0.0.0:443", "CD" * 20),
)


def test_the_file_as_a_whole() -> None:
    assert plan_metrics(plan_of(GW1), EXPIRIES[:2], NOW) == snapshot("""\
# HELP cemops_plan_timestamp_seconds When the plan was made (Unix time).
# TYPE cemops_plan_timestamp_seconds gauge
cemops_plan_timestamp_seconds{estate="northwind"} 1795348800
# HELP cemops_plan_hosts Hosts by status.
# TYPE cemops_plan_hosts gauge
cemops_plan_hosts{estate="northwind",status="changes"} 1
cemops_plan_hosts{estate="northwind",status="in-sync"} 0
cemops_plan_hosts{estate="northwind",status="unreachable"} 0
cemops_plan_hosts{estate="northwind",status="error"} 0
cemops_plan_hosts{estate="northwind",status="not-managed"} 0
# HELP cemops_plan_changes Changes that an apply would make, or an operator has to.
# TYPE cemops_plan_changes gauge
cemops_plan_changes{estate="northwind",host="gw1",action="create"} 1
cemops_plan_changes{estate="northwind",host="gw1",action="update"} 0
cemops_plan_changes{estate="northwind",host="gw1",action="replace"} 0
cemops_plan_changes{estate="northwind",host="gw1",action="delete"} 0
cemops_plan_changes{estate="northwind",host="gw1",action="deliver"} 0
cemops_plan_changes{estate="northwind",host="gw1",action="reload"} 0
cemops_plan_changes{estate="northwind",host="gw1",action="restart"} 0
cemops_plan_changes{estate="northwind",host="gw1",action="operator"} 0
# HELP cemops_plan_drift Changes that undo what somebody changed on the host.
# TYPE cemops_plan_drift gauge
cemops_plan_drift{estate="northwind",host="gw1"} 0
# HELP cemops_plan_warnings Warnings of the plan.
# TYPE cemops_plan_warnings gauge
cemops_plan_warnings{estate="northwind",host="gw1"} 2
# HELP cemops_plan_cut_off_lines Lines of who would be cut off.
# TYPE cemops_plan_cut_off_lines gauge
cemops_plan_cut_off_lines{estate="northwind",host="gw1"} 1
# HELP cemops_certificate_days_to_expiry Days until a certificate in use runs out.
# TYPE cemops_certificate_days_to_expiry gauge
cemops_certificate_days_to_expiry{estate="northwind",host="gw1",use="gateway",name="gw1.example",endpoint="",sha1="ABABABABABABABABABABABABABABABABABABABAB"} 30.500
# HELP cemops_crl_days_to_next_update Days until a CRL in use is out of date and every agent of its CA is refused.
# TYPE cemops_crl_days_to_next_update gauge
cemops_crl_days_to_next_update{estate="northwind",host="gw1",issuer="CN=Root"} -1
# HELP cemops_last_apply_timestamp_seconds When the last apply began (Unix time).
# TYPE cemops_last_apply_timestamp_seconds gauge
""")


def test_hosts_are_counted_by_status() -> None:
    samples = read(plan_metrics(plan_of(GW1, GW2, NS1), (), NOW))
    counts = {
        status: of(samples, "cemops_plan_hosts", status=status) for status in ("changes", "in-sync", "unreachable")
    }
    assert counts == {"changes": [1], "in-sync": [0], "unreachable": [1]}
    assert of(samples, "cemops_plan_hosts", status="not-managed") == [1]


def test_of_a_host_that_was_not_planned_no_changes_are_counted() -> None:
    samples = read(plan_metrics(plan_of(GW1, GW2), (), NOW))
    assert of(samples, "cemops_plan_changes", host="gw2") == []
    assert of(samples, "cemops_plan_changes", host="gw1", action="create") == [1]
    assert sum(of(samples, "cemops_plan_changes", host="gw1")) == 1
    assert of(samples, "cemops_plan_warnings", host="gw1") == [2]
    assert of(samples, "cemops_plan_cut_off_lines", host="gw1") == [1]


def test_days_are_counted_from_the_time_of_the_plan() -> None:
    samples = read(plan_metrics(plan_of(), EXPIRIES, NOW))
    assert of(samples, "cemops_certificate_days_to_expiry", use="gateway", sha1="AB" * 20) == [30.5]
    assert of(samples, "cemops_certificate_days_to_expiry", use="http_sys", endpoint="0.0.0.0:443") == [7]
    assert of(samples, "cemops_crl_days_to_next_update", issuer="CN=Root") == [-1]
    assert of(samples, "cemops_plan_timestamp_seconds") == [NOW.timestamp()]


def test_drift_is_counted_beside_all_changes() -> None:
    drifted = replace(CHANGE, name="unit", intent=Intent.CORRECTIVE)
    meant = replace(CHANGE, intent=Intent.INTENDED)
    samples = read(plan_metrics(plan_of(replace(GW1, changes=(meant, drifted)), GW2), (), NOW))
    assert of(samples, "cemops_plan_drift", host="gw1") == [1]
    assert sum(of(samples, "cemops_plan_changes", host="gw1")) == 2
    assert of(samples, "cemops_plan_drift", host="gw2") == []


def test_the_last_apply_has_its_time_and_what_came_of_it() -> None:
    began = NOW - timedelta(hours=1)
    samples = read(plan_metrics(plan_of(), (), NOW, LastApply(began, "failed")))
    assert of(samples, "cemops_last_apply_timestamp_seconds", result="failed") == [began.timestamp()]
    assert of(read(plan_metrics(plan_of(), (), NOW)), "cemops_last_apply_timestamp_seconds") == []


def test_two_lists_of_one_issuer_are_one_sample_with_the_first_to_run_out() -> None:
    later = Expiry("gw1", "crl", "CN=Root", NOW + timedelta(days=5))
    samples = read(plan_metrics(plan_of(), (later, EXPIRIES[1]), NOW))
    assert of(samples, "cemops_crl_days_to_next_update") == [-1]


@pytest.mark.parametrize("text", NASTY)
def test_any_name_comes_back_from_its_label(text: str) -> None:
    host = HostPlan(text, HostStatus.CHANGES, (CHANGE,))
    expiry = Expiry(text, "http_sys", text, NOW, text, text)
    samples = read(plan_metrics(plan_of(host, estate=text), (expiry,), NOW))
    shown = visible_utf8(text)
    assert of(samples, "cemops_plan_warnings", host=shown, estate=shown) == [1]
    assert of(samples, "cemops_certificate_days_to_expiry", name=shown, endpoint=shown, sha1=shown) == [0]


@given(
    st.lists(
        st.builds(
            HostPlan,
            texts,
            st.sampled_from(HostStatus),
            st.just((CHANGE,)),
            cut_off=st.just(("x",)),
            managed=st.booleans(),
        ),
        max_size=4,
        unique_by=lambda host: visible_utf8(host.host),
    ),
    st.lists(
        st.builds(
            Expiry,
            st.sampled_from(["gw1", "gw2"]),
            st.sampled_from(["gateway", "crl"]),
            st.sampled_from(NASTY),
            st.datetimes(timezones=st.just(UTC)),
        ),
        max_size=6,
    ),
)
def test_any_plan_is_sound_metrics(hosts: list[HostPlan], expiries: list[Expiry]) -> None:
    samples = read(plan_metrics(plan_of(*hosts), expiries, NOW))
    assert len(of(samples, "cemops_plan_warnings")) == len(hosts)
    assert sum(of(samples, "cemops_plan_hosts")) == len(hosts)
    distinct = {(one.host, one.use, one.name) for one in expiries}
    days = of(samples, "cemops_certificate_days_to_expiry") + of(samples, "cemops_crl_days_to_next_update")
    assert len(days) == len(distinct)


def test_drift_is_counted_under_names_that_a_plan_does_not_have() -> None:
    drifted = replace(CHANGE, intent=Intent.CORRECTIVE)
    blind = HostPlan("gw3", HostStatus.ERROR, error="no apply of this host is known here")
    samples = read(drift_metrics(plan_of(replace(GW1, changes=(drifted,)), GW2, blind), NOW))
    assert of(samples, "cemops_drift_changes", host="gw1") == [1]
    assert of(samples, "cemops_drift_changes", host="gw2") == of(samples, "cemops_drift_changes", host="gw3") == []
    assert of(samples, "cemops_drift_hosts", status="changes") == [1]
    assert of(samples, "cemops_drift_hosts", status="unreachable") == [1]
    assert of(samples, "cemops_drift_timestamp_seconds") == [NOW.timestamp()]
    planned = read(plan_metrics(plan_of(GW1, GW2), EXPIRIES, NOW))
    assert {family for family, _ in samples}.isdisjoint({family for family, _ in planned})


def test_of_a_host_whose_changes_have_no_intent_no_drift_is_claimed() -> None:
    unknown = replace(GW1, changes=(replace(CHANGE, intent=None),))
    samples = read(plan_metrics(plan_of(unknown, replace(NS1, managed=True)), (), NOW))
    assert of(samples, "cemops_plan_drift", host="gw1") == []
    assert of(samples, "cemops_plan_drift", host="ns1") == [0]
