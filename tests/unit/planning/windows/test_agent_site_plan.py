"""The agent site: made by the console, immutable in name and FQDN, apart from the console's own site."""

from __future__ import annotations

from dataclasses import replace

from cemops.model.windows_observed import IisApplication, ObservedWindows
from cemops.planning.changes import Action, Resource
from cemops.planning.windows.agent_site import NEW_SITE_FOLDER, plan_agent_site
from cemops.planning.windows.desired import DesiredAgentSite, DesiredBinding
from cemops.planning.windows.plan import WindowsPlan
from tests.unit.planning.windows.server_situations import (
    AGENT_SITE,
    NEW,
    NOW,
    NS_FQDN,
    OLD,
    SITE,
    agent_site,
    binding,
    codes,
    entry,
    for_agent_site,
    local,
    machine,
    operations,
    pfx,
    site,
    vendor,
)
from tests.unit.planning.windows.simulated_machine import SimulatedMachine, known

HELD, DECLARED = for_agent_site(OLD), for_agent_site(NEW)
CONSOLE = site(binding(443))
AGENT_APPLICATION = IisApplication("/Altiris/NS/Agent", "AgentPool", "C:\\Altiris\\Agent")


def plan(desired: DesiredAgentSite, observed: ObservedWindows) -> WindowsPlan:
    return plan_agent_site(desired, observed, NOW)


def serving(**changes: object) -> ObservedWindows:
    """A Notification Server whose agent site serves HELD on 4726."""
    found = site(binding(4726), name=AGENT_SITE, number=2, **changes)
    return machine(CONSOLE, found, entries=(entry(443, HELD), entry(4726, HELD)), my=(HELD,))


def test_a_fitting_site_has_no_plan() -> None:
    held = pfx(HELD, "agent-site", names=(NS_FQDN,))
    result = plan(agent_site(material=held), serving())
    assert result.is_empty
    assert not result.warnings
    assert not result.errors


def test_a_certificate_is_left_without_force_and_replaced_with_it() -> None:
    left = plan(agent_site(), serving())
    assert operations(left) == ["certificate.import_pfx"]
    assert left.actions[0].material == "pfx:agent-site"
    assert "rollout-left-binding" in codes(left)
    forced = plan(agent_site(force_overwrite=True), serving())
    assert operations(forced) == ["certificate.import_pfx", "sslcert.set"]
    (line,) = forced.cut_off
    assert all(part in line for part in (AGENT_SITE, f"{NS_FQDN}:4726", HELD.sha1, DECLARED.sha1, "cloud-enabled"))
    reached = SimulatedMachine(serving(), known(DECLARED, HELD)).apply(forced.actions)
    assert plan(agent_site(force_overwrite=True), reached).is_empty


def test_a_missing_site_is_a_step_for_the_console_with_every_value_to_enter() -> None:
    result = plan(agent_site(alternate_fqdn="cem.northwind.example"), machine(CONSOLE))
    (step,) = result.changes
    assert step.by_operator
    assert step.resource is Resource.IIS_SITE
    for value in (AGENT_SITE, "4726", NS_FQDN, "cem.northwind.example", DECLARED.sha1):
        assert value in step.reason
    assert result.actions == ()
    assert result.is_empty


def test_create_iis_makes_the_site_in_a_folder_of_its_own_and_says_what_it_lacks() -> None:
    observed = machine(CONSOLE, entries=(entry(443, HELD),), my=(HELD,))
    result = plan(agent_site(create="iis"), observed)
    assert operations(result) == [
        "certificate.import_pfx",
        "sslcert.set",
        "folder.ensure",
        "iis.site_add",
        "iis.site_start",
    ]
    assert result.actions[3].fields["path"] == NEW_SITE_FOLDER
    assert "site-unknown-to-platform" in codes(result)
    assert any(one.resource is Resource.IIS_SITE and one.action is Action.CREATE for one in result.changes)
    reached = SimulatedMachine(observed, known(DECLARED)).apply(result.actions)
    assert plan(agent_site(create="iis"), reached).is_empty


def test_create_iis_without_a_certificate_makes_no_site_and_says_why() -> None:
    result = plan(agent_site(create="iis", material=None, install_certificate=False), machine(CONSOLE))
    assert result.is_empty
    assert codes(result) == {"no-binding"}


def test_a_certificate_for_a_short_name_is_no_other_fqdn() -> None:
    short = replace(HELD, dns_names=("ns1",), common_name="ns1", issuer=f"CN={NS_FQDN}", subject=f"CN={NS_FQDN}")
    observed = machine(
        CONSOLE, site(binding(4726), name=AGENT_SITE, number=2), entries=(entry(4726, short),), my=(short,)
    )
    material = replace(pfx(None, "agent-site", names=(NS_FQDN,)), kind="self_signed", can_make=True)
    assert plan(agent_site(material=material, force_overwrite=True), observed).to_make == ("agent-site",)


def test_create_iis_waits_for_a_vendors_certificate() -> None:
    material = vendor("agent-site", names=(NS_FQDN,))
    result = plan(agent_site(create="iis", material=material), machine(CONSOLE))
    assert result.is_empty
    assert any("in the console" in one.reason for one in result.changes)


def test_a_site_of_another_name_on_the_agent_port_is_refused_instead_of_making_a_second() -> None:
    observed = machine(CONSOLE, site(binding(4726), name="CEM Agents", number=2))
    for create in ("console", "iis"):
        result = plan(agent_site(create=create), observed)
        assert result.actions == ()
        assert "CEM Agents" in result.errors[0]
        assert "NS-02" in result.errors[0]


def test_another_fqdn_than_the_one_the_site_serves_is_refused() -> None:
    other = replace(HELD, dns_names=("old-ns.corp.example",), common_name="old-ns.corp.example")
    observed = machine(
        CONSOLE, site(binding(4726), name=AGENT_SITE, number=2), entries=(entry(4726, other),), my=(other,)
    )
    result = plan(agent_site(material=local(None, "agent-site", names=(NS_FQDN,)), force_overwrite=True), observed)
    assert result.actions == ()
    assert "old-ns.corp.example" in result.errors[0]
    assert "NS-02" in result.errors[0]


def test_a_further_name_is_no_other_fqdn_and_needs_a_new_certificate() -> None:
    names = (NS_FQDN, "smp.corp.northwind.example")
    material = local(None, "agent-site", names=names)
    result = plan(agent_site(material=material, names=names, force_overwrite=True), serving())
    assert result.errors == ()
    assert result.to_make == ("agent-site",)


def test_the_name_of_a_site_is_compared_without_case() -> None:
    found = site(binding(4726), name=AGENT_SITE.upper(), number=2)
    observed = machine(CONSOLE, found, entries=(entry(4726, HELD),), my=(HELD,))
    reached = SimulatedMachine(observed, known(DECLARED)).apply(
        plan(agent_site(force_overwrite=True, port=4727), observed).actions
    )
    assert [one.information for one in reached.sites[1].bindings] == ["*:4727:"]


def test_a_changed_port_moves_the_sites_only_binding() -> None:
    result = plan(agent_site(port=4727, install_certificate=False, material=None), serving())
    reached = SimulatedMachine(serving(), {}).apply(result.actions)
    assert [one.information for one in reached.sites[1].bindings] == ["*:4727:"]
    assert {one.endpoint: one.thumbprint for one in reached.ssl_entries} == {
        "0.0.0.0:443": HELD.sha1,
        "0.0.0.0:4727": HELD.sha1,
    }
    assert len(result.cut_off) == 1


def test_the_gateways_certificate_is_refused_for_the_agent_site() -> None:
    for thumbprint in (DECLARED.sha1, DECLARED.sha256):
        result = plan(agent_site(gateway_thumbprints={thumbprint: "gw1"}), serving())
        assert result.actions == ()
        assert "gw1" in result.errors[0]
        assert "NS-04" in result.errors[0]


def test_a_gateways_certificate_that_the_site_serves_already_is_a_warning() -> None:
    assert "gateway-certificate" in codes(plan(agent_site(gateway_thumbprints={HELD.sha1: "gw1"}), serving()))


def test_the_console_never_gets_the_agent_port() -> None:
    declared = plan(agent_site(console_port=4726), serving())
    assert "IG-02" in declared.errors[0]
    found = plan(agent_site(), machine(site(binding(443), binding(4726)), site(name=AGENT_SITE, number=2)))
    assert found.actions == ()
    assert f"the console's site {SITE}" in found.errors[0]


def console(**changes: object) -> DesiredBinding:
    desired = DesiredBinding(
        "console",
        "https",
        SITE,
        443,
        (NS_FQDN,),
        "console users",
        install_certificate=True,
        material=pfx(DECLARED, "console", names=(NS_FQDN,)),
        movable=False,
    )
    return replace(desired, **changes)  # type: ignore[arg-type] # names are checked by replace


def test_the_consoles_declared_certificate_is_delivered_and_its_binding_left() -> None:
    held = pfx(HELD, "agent-site", names=(NS_FQDN,))
    result = plan(agent_site(material=held, console=console()), serving())
    assert operations(result) == ["certificate.import_pfx"]
    assert result.actions[0].material == "pfx:console"
    assert any("rebind" in one.message for one in result.warnings if one.code == "rollout-left-binding")
    assert result.cut_off == ()


def test_a_console_without_a_binding_gets_one_and_its_other_port_stays() -> None:
    held = pfx(HELD, "agent-site", names=(NS_FQDN,))
    found = machine(
        site(binding(8443)),
        site(binding(4726), name=AGENT_SITE, number=2),
        entries=(entry(4726, HELD), entry(8443, HELD)),
        my=(HELD,),
    )
    result = plan(agent_site(material=held, console=console()), found)
    reached = SimulatedMachine(found, known(DECLARED)).apply(result.actions)
    assert [one.information for one in reached.sites[0].bindings] == ["*:8443:", "*:443:"]


def test_a_console_on_the_agent_sites_certificate_is_not_touched_where_none_is_declared() -> None:
    forced = plan(agent_site(force_overwrite=True), serving())
    reached = SimulatedMachine(serving(), known(DECLARED)).apply(forced.actions)
    assert next(one for one in reached.ssl_entries if one.endpoint == "0.0.0.0:443").thumbprint == HELD.sha1


def test_applications_are_listed_where_there_is_nothing_to_compare_with() -> None:
    result = plan(agent_site(), serving(applications=(AGENT_APPLICATION,)))
    listed = [one.message for one in result.warnings if one.code == "agent-site-applications"]
    assert "/Altiris/NS/Agent" in listed[0]


def test_applications_are_compared_with_the_last_observation() -> None:
    moved = replace(AGENT_APPLICATION, physical_path="D:\\Agent")
    new = replace(AGENT_APPLICATION, path="/New")
    same = plan(agent_site(last_applications=(AGENT_APPLICATION,)), serving(applications=(AGENT_APPLICATION,)))
    assert "agent-site-applications" not in codes(same)
    result = plan(agent_site(last_applications=(AGENT_APPLICATION,)), serving(applications=(moved, new)))
    (message,) = [one.message for one in result.warnings if one.code == "agent-site-applications"]
    assert "/New is new" in message
    assert "D:\\Agent" in message
    gone = plan(agent_site(last_applications=(AGENT_APPLICATION,)), serving())
    assert any("is gone" in one.message for one in gone.warnings)


def test_a_console_application_on_the_agent_site_is_a_warning() -> None:
    wrong = IisApplication("/Altiris/Console", "Pool", "C:\\Altiris\\Console")
    assert "console-on-agent-site" in codes(plan(agent_site(), serving(applications=(wrong,))))
