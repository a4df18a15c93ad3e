"""The agent connectivity credential's account on a site server (SS-01): local, made or unlocked where asked.

Never a domain account: cemops makes none, and takes none for it. A domain controller has no local accounts; there the
account is the operator's, and the plan only says so. A password that is there is never changed.
"""

from __future__ import annotations

from cemops.model.windows_observed import ObservedWindows
from cemops.planning.changes import Action, Change, PlanWarning, Resource
from cemops.planning.windows.desired import DesiredAccount, DesiredSiteServer
from cemops.planning.windows.plan import PayloadAction, WindowsPlan


def plan_account(desired: DesiredSiteServer, observed: ObservedWindows) -> WindowsPlan:
    """Plan the ACC account of one site server; empty where none is declared."""
    account = desired.account
    if account is None:
        return WindowsPlan()
    if "\\" in account.name or "@" in account.name:
        error = f"the agent connectivity credential {account.name} is a domain account: declare a local one (SS-01)"
        return WindowsPlan(errors=(error,))
    if observed.is_domain_controller or desired.domain_controller:
        return _on_domain_controller(desired, account, observed)
    found = observed.accounts.get(account.name)
    if found is None:
        return _missing(desired, account)
    enabled, locked = found
    warnings = () if enabled else (_warning("acc-disabled", f"the account {account.name} is disabled: enable it"),)
    if locked and not account.unlock:
        warnings = (
            *warnings,
            _warning("acc-locked", f"the account {account.name} is locked: set unlock, or unlock it"),
        )
    if not locked or not account.unlock:
        return WindowsPlan(warnings=warnings)
    plan = _set(desired, account, Action.UPDATE, f"the account {account.name} is locked (SS-01)", {"locked": True})
    return WindowsPlan(changes=plan.changes, actions=plan.actions, warnings=warnings)


def _on_domain_controller(
    desired: DesiredSiteServer, account: DesiredAccount, observed: ObservedWindows
) -> WindowsPlan:
    if not observed.is_domain_controller:
        error = f"{desired.host} is declared as domain_controller, but Windows says that it is none: correct the estate"
        return WindowsPlan(errors=(error,))
    return WindowsPlan(
        warnings=(
            _warning(
                "acc-on-domain-controller",
                f"{desired.host} is a domain controller and has no local accounts: cemops makes no domain account, so "
                f"check {account.name} by hand",
            ),
        )
    )


def _missing(desired: DesiredSiteServer, account: DesiredAccount) -> WindowsPlan:
    if not account.create:
        text = f"the account {account.name} does not exist: set create_local_account, or make it by hand"
        return WindowsPlan(warnings=(_warning("acc-missing", text),))
    reason = f"the local account {account.name} does not exist (SS-01)"
    return _set(desired, account, Action.CREATE, reason, None)


def _set(
    desired: DesiredSiteServer, account: DesiredAccount, action: Action, reason: str, before: dict[str, bool] | None
) -> WindowsPlan:
    change = Change(
        desired.host,
        Resource.ACCOUNT,
        account.name,
        action,
        reason,
        before=before,
        after={"locked": False} if before is not None else {"account": account.name},
    )
    fields = {"account": account.name, "unlock": account.unlock}
    return WindowsPlan(
        changes=(change,),
        actions=(PayloadAction("account.set", fields, change.id, f"password:{account.name}"),),
    )


def _warning(code: str, message: str) -> PlanWarning:
    return PlanWarning(code, message, "SS-01")
