"""Firewall rules that are not ours: which of them the estate gives a reason to be, and which are in the way."""

from __future__ import annotations

from collections.abc import Iterator

from cemops.model.windows_observed import FirewallRule
from cemops.planning.changes import PlanWarning
from cemops.planning.windows.desired_firewall import DesiredRule, DesiredWindowsFirewall
from cemops.planning.windows.firewall_groups import ALWAYS_KEPT, group_name, is_named_by, label, labels
from cemops.planning.windows.firewall_reach import keeps_out, lets_in, overlap, ports_of, reaches, within


class ForeignRules:
    """The foreign rules of one machine, judged against what is declared for it."""

    def __init__(self, desired: DesiredWindowsFirewall, rules: tuple[FirewallRule, ...]) -> None:
        self._desired = desired
        self._rules = rules
        self._uncovered = tuple(rule for rule in rules if lets_in(rule) and not self._is_covered(rule))
        disable = desired.unspecified == "disable"
        self.to_disable = tuple(rule for rule in self._uncovered if disable and not rule.policy)

    def warnings(self, *, domain_controller: bool) -> Iterator[PlanWarning]:
        """Yield what the reader of the plan must know of them."""
        for rule in self._desired.rules:
            yield from self._conflicts(rule)
        policy = [rule for rule in self._uncovered if rule.policy]
        if self._desired.unspecified == "report" and self._uncovered:
            yield PlanWarning(
                "unspecified-rules",
                f"{len(self._uncovered)} enabled inbound rules of {self._desired.host} are covered by no declared "
                f"flow, admin_port or keep: {labels(self._uncovered)}; declare the flow, name them in firewall.keep, "
                "or write unspecified_rules: disable",
                "PT-07",
            )
        if self._desired.unspecified == "disable" and policy:
            yield PlanWarning(
                "policy-rules",
                f"a group policy opens on {self._desired.host} what nothing declares: {labels(policy)}; change the "
                "policy, cemops cannot",
                "PT-07",
            )
        if self.to_disable and domain_controller:
            yield PlanWarning(
                "domain-controller",
                f"{self._desired.host} is a domain controller: name the rules of its directory services in "
                "firewall.keep, or its domain loses them",
                "SS-01",
            )

    def unknown_keeps(self) -> tuple[str, ...]:
        """Return the entries of ``keep`` that name nothing here."""
        return tuple(name for name in self._desired.keep if not any(is_named_by(rule, name) for rule in self._rules))

    def _is_covered(self, rule: FirewallRule) -> bool:
        """Tell whether the estate gives the rule a reason to be: ``keep``, or every port to no more than declared."""
        if group_name(rule.group) == ALWAYS_KEPT or any(is_named_by(rule, name) for name in self._desired.keep):
            return True
        ports = ports_of(rule)
        return ports is not None and all(self._is_declared(port, rule.remote_addresses) for port in ports)

    def _is_declared(self, port: int, sources: tuple[str, ...]) -> bool:
        if any(first <= port <= last for first, last in self._desired.tolerated):
            return True
        declared = [rule.sources for rule in self._desired.rules if rule.port == port]
        if not declared:
            return False
        if not all(declared):
            return True
        return within(sources, [source for one in declared for source in one])

    def _conflicts(self, rule: DesiredRule) -> Iterator[PlanWarning]:
        """Name the foreign rules that close what one of ours opens, or open it more widely."""
        what = f"TCP {rule.port} ({rule.purpose})"
        for foreign in self._rules:
            if not reaches(foreign, rule.port):
                continue
            if keeps_out(foreign) and overlap(foreign.remote_addresses, rule.sources):
                yield PlanWarning(
                    "firewall-conflict",
                    f"the firewall rule {label(foreign)} blocks {what}, and Windows lets a block win: disable or "
                    "delete it",
                    rule.fact,
                )
            elif self._is_wider(foreign, rule):
                yield PlanWarning(
                    "firewall-conflict",
                    f"the firewall rule {label(foreign)} opens {what} to more than {', '.join(rule.sources)}: "
                    "disable or narrow it",
                    rule.fact,
                )

    def _is_wider(self, foreign: FirewallRule, rule: DesiredRule) -> bool:
        return (
            lets_in(foreign)
            and foreign not in self.to_disable
            and not self._is_declared(rule.port, foreign.remote_addresses)
        )
