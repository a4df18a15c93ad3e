"""A plan as JSON: the contract of ``cemops plan --format json`` (DESIGN.md, JSON; ``schema`` is 1)."""

from __future__ import annotations

from typing import Any

from cemops.planning.changes import Change, HostPlan, Plan, PlanWarning, summarize


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain data, ready for ``json.dumps``."""
    return {
        "schema": 1,
        "plan_id": plan.plan_id,
        "estate": plan.estate,
        "created": plan.created,
        "observed_digest": plan.observed_digest,
        "hosts": [_host(host) for host in plan.hosts],
        "cut_off": list(plan.cut_off),
        "summary": summarize(plan.hosts),
    }


def _host(host: HostPlan) -> dict[str, Any]:
    return {
        "host": host.host,
        "status": str(host.status),
        "error": host.error,
        "managed": host.managed,
        "round_trips": host.round_trips,
        "http_requests": host.http_requests,
        "changes": [_change(change) for change in host.changes],
        "warnings": [_warning(warning) for warning in host.warnings],
        "cut_off": list(host.cut_off),
        "refusals": list(host.refusals),
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "id": change.id,
        "resource": str(change.resource),
        "name": change.name,
        "action": str(change.action),
        "reason": change.reason,
        "before": None if change.before is None else dict(change.before),
        "after": None if change.after is None else dict(change.after),
        "diff": change.diff,
        "intent": None if change.intent is None else str(change.intent),
        "warnings": [_warning(warning) for warning in change.warnings],
    }


def _warning(warning: PlanWarning) -> dict[str, Any]:
    return {"code": warning.code, "message": warning.message, "fact": warning.fact}
