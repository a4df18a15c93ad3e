"""A plan as the comment of a pull request: summary first, nothing of others works in it, and it fits."""

from __future__ import annotations

import re
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
from cemops.rendering.plan_markdown import LIMIT, NAMED, mark, plan_markdown
from cemops.rendering.plan_text import summary_sentence
from tests.unit.rendering.markdown_reader import ACTIVE, PARSER
from tests.unit.rendering.nasty_texts import NASTY, texts

OWN_HTML = {mark("plan"), "<details><summary>Diff</summary>", "</details>"}
CREATED = Change(
    "gw1",
    Resource.FILE,
    "httpd.conf",
    Action.CREATE,
    "the host does not have the configuration of httpd (IG-01, IG-02)",
    after={"digest": "sha256:1"},
    diff=unified_diff(None, "Listen 443\nServerName gw1\n", "httpd.conf"),
)
REPLACED = Change(
    "gw1",
    Resource.CERTIFICATE,
    "gw1.example",
    Action.REPLACE,
    "it expires in 3 days (CE-05)",
    before={"sha1": "0123"},
    after={"sha1": KNOWN_AFTER_APPLY},
    warnings=(PlanWarning("agents-cut-off", "agents pin the old thumbprint (IG-06)", "IG-06"),),
)
CRL = PlanWarning("crl-soon-due", "the CRL of ns1-root is due in 5 days", "CE-08")
BY_HAND = Change("ns1", Resource.FIREWALL_RULE, "ns1", Action.OPERATOR, "open TCP 443 to agents")
GW1 = HostPlan("gw1", HostStatus.CHANGES, (CREATED, REPLACED), (CRL,), cut_off=("CEM on ns1 loses gw1.example",))
GW2 = HostPlan("gw2", HostStatus.ERROR, error="gw2.pfx does not fit: name another one", refusals=("not now",))
GW3 = HostPlan("gw3", HostStatus.IN_SYNC, warnings=(CRL,))
NS1 = HostPlan("ns1", HostStatus.IN_SYNC, (BY_HAND,), managed=False)


def plan_of(*hosts: HostPlan) -> Plan:
    return Plan("northwind", "0" * 12, "2026-11-22T12:00:00+00:00", hosts, "sha256:" + "0" * 64)


def test_a_comment_with_everything_in_it() -> None:
    assert plan_markdown(plan_of(GW1, GW2, GW3, NS1)) == snapshot("""\
<!-- cemops plan -->

## cemops plan: `northwind`

**Plan: 1 of 4 hosts to change, 1 to create, 1 to replace, 1 for the operator, 3 warnings, 1 failed.**

In sync: `gw3`.

Plan `000000000000` of `2026-11-22T12:00:00+00:00`.

### Cut off by this plan

Apply does it only with `--accept-lockout 1`.

1. CEM on ns1 loses gw1.example

### `gw1`: changes

- **create** file `httpd.conf`: the host does not have the configuration of httpd (IG-01, IG-02)

<details><summary>Diff</summary>

```diff
--- /dev/null
+++ b/httpd.conf
@@ -0,0 +1,2 @@
+Listen 443
+ServerName gw1
```

</details>

- **replace** certificate `gw1.example`: it expires in 3 days (CE-05)
  - `sha1`: `0123` → `(known after apply)`

### `gw2`: error

- failed: gw2.pfx does not fit: name another one
- refused: not now

### Warnings

- `crl-soon-due` on `gw1`, `gw3`: the CRL of ns1-root is due in 5 days (CE-08)
- `agents-cut-off` on `gw1`: agents pin the old thumbprint (IG-06)

### For the operator

- `ns1` firewall rule `ns1`: open TCP 443 to agents\
""")


def test_a_plan_without_changes_is_its_summary() -> None:
    assert plan_markdown(plan_of(replace(GW3, warnings=()))) == snapshot("""\
<!-- cemops plan -->

## cemops plan: `northwind`

**Nothing to do: 1 host is as declared.**

In sync: `gw3`.

Plan `000000000000` of `2026-11-22T12:00:00+00:00`.\
""")


def test_a_plan_of_nothing_is_its_summary() -> None:
    assert plan_markdown(plan_of()).count("\n") < 8


def test_drift_stands_apart_from_what_was_meant() -> None:
    meant = replace(REPLACED, intent=Intent.INTENDED)
    drifted = replace(CREATED, intent=Intent.CORRECTIVE)
    text = plan_markdown(plan_of(replace(GW1, changes=(drifted, meant))))
    assert "Drift: 1 change undoes what was changed on hosts since the last apply." in text
    own, apart = text.split("### Drift on `gw1`")
    assert ("gw1.example`" in own, "httpd.conf" in own) == (True, False)
    assert ("**replace**" in apart, "**create** file `httpd.conf`" in apart) == (False, True)


def test_a_plan_without_drift_does_not_speak_of_it() -> None:
    assert "rift" not in plan_markdown(plan_of(GW1, GW2, GW3, NS1))


def many(number: int, lines: int, name: str = "gw") -> Plan:
    """Hosts with a change each, whose diff has so many lines."""
    diff = unified_diff(None, "directive value\n" * lines, "httpd.conf")
    change = replace(CREATED, diff=diff if lines else None)
    return plan_of(*(replace(GW1, host=f"{name}{place}", changes=(change,)) for place in range(number)))


def test_diffs_are_the_first_to_go() -> None:
    text = plan_markdown(many(5, 3000))
    assert len(text) <= LIMIT
    assert "Left out: 4 diffs." in text
    assert text.count("<details>") == text.count("</details>") == 1
    assert text.count("**create**") == 5


def test_a_small_diff_is_kept_where_a_large_one_is_not() -> None:
    large, small = (
        replace(CREATED, name=name, diff=unified_diff(None, "x\n" * size, name))
        for name, size in (("a", 40_000), ("b", 1))
    )
    text = plan_markdown(plan_of(replace(GW1, changes=(large, small))))
    assert "Left out: 1 diff." in text
    assert "+++ b/b" in text


def test_what_thousands_of_hosts_leave_out_is_counted_beside_the_summary() -> None:
    plan = many(2000, 2)
    text = plan_markdown(plan)
    assert len(text) <= LIMIT
    assert text.index(summary_sentence(plan)) < text.index("Left out: ") < 1000
    found = re.search(r"Left out: ([^`]*)\. `cemops plan`", text)
    assert found
    counts = {noun: int(number) for number, noun in re.findall(r"(\d+) ([a-z ]+)", found[1])}
    assert counts["changes"] == 2000 - text.count("**create**")
    assert counts["diffs"] == 2000 - text.count("<details>")
    assert counts["lines of what is cut off"] == 2000 - len(re.findall(r"^\d+\. CEM", text, re.MULTILINE))


def test_failures_are_told_before_everything_else() -> None:
    failed = [replace(GW2, host=f"bad{place}") for place in range(50)]
    text = plan_markdown(plan_of(*many(2000, 2).hosts, *failed))
    assert text.count("- failed: ") == 50


def test_hosts_in_sync_are_named_up_to_a_number() -> None:
    text = plan_markdown(plan_of(*(HostPlan(f"h{place}", HostStatus.IN_SYNC) for place in range(NAMED + 5))))
    assert f"`h{NAMED - 1}` and 5 more." in text


def test_a_warning_of_many_hosts_is_told_once() -> None:
    text = plan_markdown(plan_of(GW1, GW3))
    assert text.count("the CRL of ns1-root is due in 5 days") == 1
    assert "`crl-soon-due` on `gw1`, `gw3`: " in text


warnings = st.builds(PlanWarning, texts, texts, st.none() | texts)
changes = st.builds(
    Change,
    texts,
    st.sampled_from(Resource),
    texts,
    st.sampled_from(Action),
    texts,
    st.none() | st.dictionaries(texts, texts, max_size=2),
    st.none() | st.dictionaries(texts, texts, max_size=2),
    st.none() | texts,
    st.lists(warnings, max_size=1).map(tuple),
    st.none() | st.sampled_from(Intent),
)
lines = st.lists(texts, max_size=2).map(tuple)
hosts = st.builds(
    HostPlan,
    texts,
    st.sampled_from(HostStatus),
    st.lists(changes, max_size=3).map(tuple),
    st.lists(warnings, max_size=2).map(tuple),
    st.none() | texts,
    cut_off=lines,
    refusals=lines,
    managed=st.booleans(),
)


def works(text: str) -> set[str]:
    """What a reader finds in a comment that is more than text, code and lists, but for cemops' own HTML."""
    tokens = PARSER.parse(text)
    html = {line for token in tokens if token.type == "html_block" for line in token.content.split("\n") if line}
    children = [child for token in tokens for child in token.children or ()]
    active = {child.content for child in children if child.type == "text" and ACTIVE.search(child.content)}
    inner = {child.type for child in children}
    outer = {token.type for token in tokens}
    allowed = {"text", "code_inline", "strong_open", "strong_close", "softbreak"}
    blocks = {"heading_open", "paragraph_open", "bullet_list_open", "ordered_list_open", "list_item_open", "inline"}
    blocks |= {block.replace("_open", "_close") for block in blocks}
    blocks |= {"fence", "html_block", "blockquote_open", "blockquote_close"}
    return active | (html - OWN_HTML) | (inner - allowed) | (outer - blocks)


@given(st.builds(Plan, texts, texts, texts, st.lists(hosts, max_size=3).map(tuple), texts))
def test_nothing_of_others_works_and_the_summary_is_there(plan: Plan) -> None:
    text = plan_markdown(plan)
    assert len(text) <= LIMIT
    assert works(text) == set()
    assert text.startswith(f"{mark('plan')}\n\n## cemops plan: ")
    assert f"\n\n**{summary_sentence(plan)}**\n" in text
    diffs = sum(bool(change.diff) and not change.by_operator for host in plan.hosts for change in host.changes)
    assert text.count("<details><summary>Diff</summary>\n\n```") == diffs


@pytest.mark.parametrize("text", NASTY)
def test_a_nasty_text_at_every_place_stays_a_text(text: str) -> None:
    long = text * 3000
    change = replace(CREATED, name=text, reason=long, before={text: "a"}, after={text: long}, diff=long)
    host = HostPlan(text, HostStatus.CHANGES, (change, BY_HAND), (PlanWarning(text, text),), cut_off=(text,))
    comment = plan_markdown(replace(plan_of(host), estate=long, plan_id=long, created=long))
    assert len(comment) <= LIMIT
    assert works(comment) == set()


def test_drift_is_a_comment_of_its_own() -> None:
    drifted = replace(GW1.changes[0], intent=Intent.CORRECTIVE)
    text = plan_markdown(plan_of(replace(GW1, changes=(drifted,)), GW3), "drift")
    assert text.startswith(f"{mark('drift')}\n\n## cemops drift: ")
    assert "**Drift: 1 of 2 hosts drifted" in text
    assert "Not drifted: `gw3`." in text
    assert "### Drift on `gw1`" in text
    assert mark("plan") not in text
    quiet = plan_markdown(plan_of(replace(GW3, warnings=())), "drift")
    assert "**Nothing has drifted on 1 host.**" in quiet
