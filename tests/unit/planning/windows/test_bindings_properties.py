"""Whatever a machine holds and whatever is declared: one apply is enough, and nothing goes that no flag covers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cemops.model.windows_observed import IisBinding, IisSite, ObservedWindows, SslEntry, StoredCertificateFound
from cemops.planning.windows.agent_site import plan_agent_site
from cemops.planning.windows.desired import DesiredAgentSite, DesiredBinding, DesiredSiteServer
from cemops.planning.windows.endpoints import (
    ANY_IPV4,
    IIS_APP_ID,
    HttpSys,
    SiteBinding,
    endpoint_of,
    endpoint_of_entry,
    of_iis,
)
from cemops.planning.windows.machine import Machine
from cemops.planning.windows.materials import ServerCertificateMaterial
from cemops.planning.windows.placement import place
from cemops.planning.windows.plan import WindowsPlan
from cemops.planning.windows.site_server import plan_site_server
from tests.unit.planning.windows.server_situations import (
    FQDN,
    HOST,
    INTERMEDIATE,
    NEIGHBOUR,
    NEW,
    NOW,
    OLD,
    OTHER_APP_ID,
    ROOT_CERTIFICATE,
    SITE,
    agent_site,
    binding,
    cem,
    certificate,
    http,
    https,
    local,
    machine,
    pfx,
    site,
    vendor,
)
from tests.unit.planning.windows.simulated_machine import SimulatedMachine, known

EXPIRED = certificate("F", not_after=NOW - timedelta(days=1))
MADE = {
    "https": certificate("1", not_before=NOW, not_after=NOW + timedelta(days=400)),
    "cem": certificate("2", not_before=NOW, not_after=NOW + timedelta(days=401)),
}
POOL = (OLD, NEW, NEIGHBOUR, EXPIRED)
IMPORTABLE = known(*POOL, *MADE.values(), INTERMEDIATE, ROOT_CERTIFICATE)
HOSTS = (ANY_IPV4, ANY_IPV4, "10.0.0.5", "[::]", FQDN, "www.example")
PORTS = (80, 443, 4726, 8443, 9443)
SMALL = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

tls_bindings = st.builds(
    lambda port, host, address, flags: binding(
        port, host=host, address=address, flags=flags & ~1 if not host else flags
    ),
    st.sampled_from(PORTS),
    st.sampled_from(("", "", FQDN, "www.example")),
    st.sampled_from(("*", "*", "*", "10.0.0.5", "[::]")),
    st.sampled_from((0, 0, 1, 1, 2, 3)),
)
http_bindings = st.builds(lambda port: binding(port, protocol="http"), st.sampled_from(PORTS))
binding_lists = st.lists(st.one_of(tls_bindings, tls_bindings, http_bindings), max_size=4, unique=True)


def _entry_for(endpoint: str, thumbprint: str, app_id: str) -> SslEntry:
    host = endpoint.rpartition(":")[0]
    kind = "ccs" if not host else "hostnameport" if host[0].isalpha() else "ipport"
    return SslEntry(kind, endpoint, thumbprint, app_id=app_id, settings={"flags": 1})  # type: ignore[arg-type] # one of the three


entries = st.lists(
    st.builds(
        _entry_for,
        st.sampled_from([f"{host}:{port}" for host in HOSTS for port in PORTS]),
        st.sampled_from([*(one.sha1 for one in POOL), "9" * 40]),
        st.sampled_from((IIS_APP_ID, IIS_APP_ID, "", OTHER_APP_ID)),
    ),
    max_size=5,
    unique_by=lambda one: one.endpoint,
)
personal = st.lists(
    st.builds(StoredCertificateFound, st.sampled_from(POOL), st.sampled_from((True, True, False))),
    max_size=4,
    unique_by=lambda one: one.facts.sha1,
)


def _machine(
    own: list[IisBinding], other: list[IisBinding], held: list[SslEntry], stored: list[StoredCertificateFound]
) -> ObservedWindows:
    observed = machine(site(*own), site(*other, name="Other", number=2), entries=tuple(held))
    return replace(observed, stores={**observed.stores, "My": tuple(stored)})


machines = st.builds(_machine, binding_lists, binding_lists, entries, personal)
materials = st.sampled_from(
    [
        None,
        pfx(NEW),
        pfx(NEW, chain=(INTERMEDIATE, ROOT_CERTIFICATE)),
        pfx(OLD),
        local(),
        local(NEW),
        local(OLD),
        vendor(),
        ServerCertificateMaterial("cem", "thumbprint", (FQDN,), thumbprint=OLD.sha256),
        ServerCertificateMaterial("cem", "self_signed", (FQDN,), can_make=True),
    ]
)


@st.composite
def site_servers(draw: st.DrawFn) -> DesiredSiteServer:
    ports = draw(st.permutations(PORTS))
    plain = http(port=ports[0], enabled=draw(st.booleans()))
    tls = []
    for one, port in ((https(), ports[1]), (cem(), ports[2])):
        material = draw(materials)
        tls.append(
            replace(
                one,
                port=draw(st.sampled_from((one.port, port))),
                enabled=draw(st.sampled_from((True, True, False))),
                force_overwrite=draw(st.booleans()),
                take_port=draw(st.booleans()),
                purge_bindings=draw(st.sampled_from((False, False, True))),
                install_certificate=material is not None and draw(st.booleans()),
                material=None if material is None else replace(material, purpose=one.purpose),
            )
        )
    return DesiredSiteServer(HOST, FQDN, SITE, (plain, *tls))


def with_made(desired: DesiredSiteServer, to_make: tuple[str, ...]) -> DesiredSiteServer:
    """The same site server once apply has made what it had to."""

    def made(one: DesiredBinding) -> DesiredBinding:
        if one.purpose not in to_make or one.material is None:
            return one
        facts = MADE[one.purpose]
        if one.material.kind == "self_signed":
            facts = replace(facts, issuer=facts.subject)
        return replace(one, material=replace(one.material, facts=facts))

    return replace(desired, bindings=tuple(made(one) for one in desired.bindings))


def applied(
    desired: DesiredSiteServer, observed: ObservedWindows
) -> tuple[DesiredSiteServer, WindowsPlan, ObservedWindows]:
    """Make what has to be made, plan, apply."""
    first = plan_site_server(desired, observed, NOW)
    if first.to_make:
        desired = with_made(desired, first.to_make)
    plan = plan_site_server(desired, observed, NOW)
    importable = dict(IMPORTABLE)
    for one in desired.bindings:
        if one.material is not None and one.material.facts is not None:
            importable[one.material.facts.sha1] = one.material.facts
    return desired, plan, SimulatedMachine(observed, importable).apply(plan.actions)


def moved_or_purged(desired: DesiredSiteServer, observed: ObservedWindows) -> set[IisBinding]:
    """Bindings of the site that may go: the old one of a moved port, and under a purge every HTTPS one."""
    old = {placed.old for placed in place(desired.bindings, Machine(HOST, observed, NOW)) if placed.old is not None}
    if any(one.purge_bindings for one in desired.bindings):
        old |= {one for one in observed.sites[0].bindings if one.protocol == "https"}
    return old


@SMALL
@given(site_servers(), machines)
def test_one_apply_is_enough(desired: DesiredSiteServer, observed: ObservedWindows) -> None:
    desired, plan, reached = applied(desired, observed)
    if plan.errors:
        assert plan.actions == ()
        assert reached == observed
        return
    assert not plan.to_make
    again = plan_site_server(desired, reached, NOW)
    assert again.errors == ()
    assert again.actions == ()
    assert again.is_empty
    assert again.cut_off == ()


@SMALL
@given(site_servers(), machines)
def test_no_binding_goes_that_no_flag_covers(desired: DesiredSiteServer, observed: ObservedWindows) -> None:
    desired, plan, reached = applied(desired, observed)
    before, after = (set(HttpSys(state).bindings()) for state in (observed, reached))
    may_go = moved_or_purged(desired, observed)
    for gone in before - after:
        if gone.site == SITE:
            assert gone.binding in may_go
        else:
            assert any(one.take_port and one.port == gone.binding.port for one in desired.bindings)
        assert any(f":{gone.binding.port}" in line for line in plan.cut_off)


@SMALL
@given(site_servers(), machines)
def test_no_certificate_changes_that_force_overwrite_does_not_cover(
    desired: DesiredSiteServer, observed: ObservedWindows
) -> None:
    desired, _, reached = applied(desired, observed)
    before, after = HttpSys(observed), HttpSys(reached)
    forced = {
        endpoint_of(placed.binding or binding(placed.desired.port))
        for placed in place(desired.bindings, Machine(HOST, observed, NOW))
        if placed.desired.force_overwrite and placed.desired.protocol == "https"
    }
    for entry in observed.ssl_entries:
        endpoint = endpoint_of_entry(entry)
        now = after.entry(endpoint)
        if now is not None and now.thumbprint == entry.thumbprint:
            assert now == entry
            continue
        left = {str(user) for user in after.users(endpoint)}
        users = {str(user) for user in before.users(endpoint)}
        if now is None:
            assert of_iis(entry)
            assert users
            assert not users & left
        else:
            assert (now.app_id, now.settings) == (entry.app_id or IIS_APP_ID, entry.settings)
            assert endpoint in forced or (not users and of_iis(entry))


@SMALL
@given(site_servers(), machines)
def test_the_dead_man_puts_back_everything_that_served(desired: DesiredSiteServer, observed: ObservedWindows) -> None:
    desired, plan, reached = applied(desired, observed)
    back = HttpSys(SimulatedMachine(reached, IMPORTABLE).apply(plan.restore))
    keyed = {one.facts.sha1 for one in observed.personal() if one.has_private_key}
    before = HttpSys(observed)
    alone = [one for one in before.bindings() if not before.contested(one)]
    assert {str(one) for one in alone} <= {str(one) for one in back.bindings()}
    for used in alone:
        answering = before.answering(used.binding) if used.binding.protocol == "https" else None
        if answering is None or answering.thumbprint not in keyed or used.binding.from_central_store:
            continue
        now = back.answering(used.binding)
        assert now is not None
        assert now.thumbprint == answering.thumbprint, SiteBinding(used.site, used.binding)


@SMALL
@given(site_servers(), machines)
def test_every_binding_stands_once_and_every_change_has_its_own_id(
    desired: DesiredSiteServer, observed: ObservedWindows
) -> None:
    _, plan, reached = applied(desired, observed)
    twice_before, twice_after = (
        {str(one) for one in http_sys.bindings() if http_sys.stands_twice(one)}
        for http_sys in (HttpSys(observed), HttpSys(reached))
    )
    assert twice_after <= twice_before
    ids = [change.id for change in plan.changes]
    assert len(ids) == len(set(ids))
    assert {action.change for action in (*plan.actions, *plan.restore)} <= set(ids)


def _agent_site(force: bool, create: str, port: int, material: ServerCertificateMaterial | None) -> DesiredAgentSite:
    return agent_site(
        force_overwrite=force,
        create=create,
        port=port,
        material=material,
        install_certificate=material is not None,
        names=(FQDN,),
        console_site="Other",
        console_port=443,
        site=SITE,
    )


agent_sites = st.builds(
    _agent_site,
    st.booleans(),
    st.sampled_from(("console", "iis")),
    st.sampled_from((4726, 8443)),
    st.sampled_from([None, pfx(NEW), local(OLD), vendor()]),
)


@SMALL
@given(agent_sites, machines, st.booleans())
def test_an_agent_site_needs_one_apply_and_leaves_the_console_alone(
    desired: DesiredAgentSite, observed: ObservedWindows, there: bool
) -> None:
    observed = observed if there else replace(observed, sites=observed.sites[1:])
    plan = plan_agent_site(desired, observed, NOW)
    assert not plan.to_make
    reached = SimulatedMachine(observed, IMPORTABLE).apply(plan.actions)
    again = plan_agent_site(desired, reached, NOW)
    assert again.actions == ()
    assert again.is_empty
    assert again.errors == plan.errors
    assert HttpSys(reached).site("Other") == HttpSys(observed).site("Other")


def test_sites_of_the_machines_are_those_of_the_estate() -> None:
    observed = _machine([], [], [], [])
    assert [one.name for one in observed.sites] == [SITE, "Other"]
    assert isinstance(observed.sites[0], IisSite)
