"""The plan of one machine's Windows firewall (PT-07).

Ours are the rules named ``cemops-…``: made, changed and removed by name. Foreign rules are looked at, and touched only
under ``unspecified_rules: disable``: what no declared flow, ``admin_port`` or ``keep`` covers is disabled, never
deleted; rules of a group policy and of Core Networking never. What is opened comes before what is closed, and the
port by which cemops itself comes in stays open, or the plan is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from cemops.model.windows_observed import FirewallRule, ObservedWindows
from cemops.planning.changes import Action, Change, PlanWarning, Resource
from cemops.planning.windows.desired_firewall import DesiredWindowsFirewall
from cemops.planning.windows.firewall_actions import (
    Payload,
    differences,
    is_ours,
    restored,
    set_rule,
    shown,
    target_of,
)
from cemops.planning.windows.firewall_foreign import ForeignRules
from cemops.planning.windows.firewall_groups import labels
from cemops.planning.windows.firewall_reach import lets_in, reaches
from cemops.planning.windows.plan import PayloadAction, WindowsPlan


def plan_windows_firewall(desired: DesiredWindowsFirewall, observed: ObservedWindows) -> WindowsPlan:
    """Return what is to be done to the firewall; nothing where ``firewall.manage`` is off."""
    if not desired.manage:
        return WindowsPlan(warnings=tuple(_unmanaged(desired)))
    if desired.problems:
        return WindowsPlan(errors=desired.problems, warnings=desired.warnings)
    return _Planner(desired, observed).plan()


def _unmanaged(desired: DesiredWindowsFirewall) -> Iterator[PlanWarning]:
    if desired.unspecified == "disable":
        yield PlanWarning(
            "firewall-not-managed",
            f"{desired.host} declares unspecified_rules: disable, which does nothing while firewall.manage is off",
            "PT-07",
        )


@dataclass(frozen=True)
class _Step:
    """One change with what makes it and what takes it back."""

    change: Change
    actions: tuple[PayloadAction, ...]
    restore: tuple[PayloadAction, ...]


class _Planner:
    """The planning of one machine."""

    def __init__(self, desired: DesiredWindowsFirewall, observed: ObservedWindows) -> None:
        self._desired = desired
        self._observed = observed
        wanted = {rule.name.casefold() for rule in desired.rules}
        local = [rule for rule in observed.firewall_rules if not rule.policy]
        self._ours = {rule.name.casefold(): rule for rule in local if rule.name.casefold() in wanted}
        self._stale = [rule for rule in local if is_ours(rule) and rule.name.casefold() not in wanted]
        known = [*self._ours.values(), *self._stale]
        self._foreign = ForeignRules(desired, tuple(rule for rule in observed.firewall_rules if rule not in known))

    def plan(self) -> WindowsPlan:
        steps = (*self._openings(), *self._disabled(), *self._removed())
        refusals = tuple(self._lock_out())
        return WindowsPlan(
            changes=tuple(step.change for step in steps),
            actions=() if refusals else tuple(action for step in steps for action in step.actions),
            restore=() if refusals else tuple(action for step in reversed(steps) for action in step.restore),
            refusals=refusals,
            warnings=(
                *self._desired.warnings,
                *self._foreign.warnings(domain_controller=self._observed.is_domain_controller),
                *self._narrowed(),
                *self._unknown_keeps(),
            ),
        )

    def _openings(self) -> Iterator[_Step]:
        for rule in self._desired.rules:
            target = target_of(rule)
            found = self._ours.get(rule.name.casefold())
            why = f"{rule.purpose} ({rule.fact})"
            if found is None:
                yield self._step(Action.CREATE, why, (None, target), [set_rule(target)])
                continue
            different = differences(found, target)
            if different:
                target = replace(target, name=found.name)
                anew: list[Payload] = [("firewall.remove", {"rule": found.name})]
                beyond_set = found.service or found.conditions
                actions = [*(anew if beyond_set else []), set_rule(target)]
                yield self._step(Action.UPDATE, f"{why}: its {', '.join(different)} changed", (found, target), actions)

    def _disabled(self) -> Iterator[_Step]:
        for rule in self._foreign.to_disable:
            yield self._step(
                Action.UPDATE,
                "no declared flow, admin_port or keep covers it (unspecified_rules: disable)",
                (rule, replace(rule, enabled=False)),
                [("firewall.enable", {"rule": rule.name, "enabled": False})],
            )

    def _removed(self) -> Iterator[_Step]:
        for rule in self._stale:
            reason = "the estate no longer declares what it was for"
            yield self._step(Action.DELETE, reason, (rule, None), [("firewall.remove", {"rule": rule.name})])

    def _step(
        self,
        action: Action,
        reason: str,
        turn: tuple[FirewallRule | None, FirewallRule | None],
        payload: Sequence[Payload],
    ) -> _Step:
        before, after = turn
        (name,) = {rule.name for rule in turn if rule is not None}
        change = Change(
            self._desired.host,
            Resource.FIREWALL_RULE,
            name,
            action,
            reason,
            before=shown(before),
            after=shown(after),
        )
        return _Step(
            change,
            tuple(PayloadAction(op, fields, change.id) for op, fields in payload),
            tuple(PayloadAction(op, fields, change.id) for op, fields in restored(before, after)),
        )

    def _ways_in(self) -> tuple[list[FirewallRule], list[FirewallRule]]:
        """Return the rules that let cemops in now, and those of them that the plan leaves alone."""
        port = self._desired.management_port
        if port is None:
            return [], []
        now = [rule for rule in self._observed.firewall_rules if lets_in(rule) and reaches(rule, port)]
        touched = [*self._foreign.to_disable, *self._stale, *self._ours.values()]
        return now, [rule for rule in now if rule not in touched]

    def _lock_out(self) -> Iterator[str]:
        """Refuse a plan after which no rule opens the port by which cemops comes in."""
        port = self._desired.management_port
        now, left = self._ways_in()
        if now and not left and not any(rule.port == port for rule in self._desired.rules):
            yield (
                f"the firewall of {self._desired.host} would be closed for TCP {port}, by which cemops itself comes "
                f"in ({labels(now)}): write firewall.admin_port: {port}, or name the rule in firewall.keep"
            )

    def _narrowed(self) -> Iterator[PlanWarning]:
        """Say where only some networks reach cemops's own port from now on: this plan may be the last."""
        port = self._desired.management_port
        now, left = self._ways_in()
        coming = [rule.sources for rule in self._desired.rules if rule.port == port]
        if not coming or not all(coming) or not all(rule.remote_addresses for rule in left):
            return
        if any(not rule.remote_addresses for rule in now):
            sources = ", ".join(source for one in coming for source in one)
            yield PlanWarning(
                "way-in-narrowed",
                f"TCP {port}, by which cemops itself comes in, will be open to {sources} only: run cemops from there",
                "PT-08",
            )

    def _unknown_keeps(self) -> Iterator[PlanWarning]:
        for name in self._foreign.unknown_keeps():
            yield PlanWarning(
                "keep-unknown",
                f"firewall.keep names {name}, which is no rule and no group of {self._desired.host}: correct it",
            )
