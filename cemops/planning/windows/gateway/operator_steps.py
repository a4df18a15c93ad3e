"""What only a person can do on the vendor's gateway, in the gateway's own manager: steps, each with its values.

The format of what the manager writes is not documented (IG-15), so cemops writes none of it. What a step brings about
is seen by ``cemops probe``.
"""

from __future__ import annotations

from collections.abc import Iterator

from cemops.model.certificate_sources import PfxFile, StoredCertificate
from cemops.model.certificates import CertificateFacts
from cemops.model.gateways import Gateway
from cemops.model.windows_observed import WindowsService
from cemops.planning.certificate_change import certificate_data
from cemops.planning.changes import Action, Change, Resource
from cemops.planning.windows.gateway.desired import PACKED_CERTIFICATE, DesiredWindowsGateway

WORKSHEET = "worksheet"


def account_step(gateway: Gateway, service: WindowsService) -> Iterator[Change]:
    """Yield a step where the service runs as another account than declared: only its owner knows the password."""
    wanted = gateway.service.account
    if wanted is None or _plain(wanted) == _plain(service.account):
        return
    yield Change(
        gateway.name,
        Resource.ACCOUNT,
        service.name,
        Action.OPERATOR,
        f"let the service log on as {wanted} (Services, Log On), and see that this account can read the gateway's "
        "folders (IG-07); or declare the account that it has",
        before={"account": service.account},
        after={"account": wanted},
    )


def manager_steps(gateway: Gateway) -> Iterator[Change]:
    """Yield what is switched on in the manager: status reporting (IG-08), refreshing of NS certificates (IG-14)."""
    for report in gateway.status_reporting:
        yield Change(
            gateway.name,
            Resource.STATUS_REPORTING,
            report.notification_server,
            Action.OPERATOR,
            f"in the gateway's manager, report its status to {report.notification_server} every "
            f"{report.interval_minutes} minutes; its own reporting certificate comes with that, and the thumbprint "
            "reaches the CEM policy by itself (IG-08)",
            after={"notification_server": report.notification_server, "interval_minutes": report.interval_minutes},
        )
    if gateway.service.auto_refresh:
        yield Change(
            gateway.name,
            Resource.CERTIFICATE,
            "auto-refresh",
            Action.OPERATOR,
            "in the gateway's manager, switch on Auto Refresh for each Notification Server, so that the gateway "
            "fetches a changed NS certificate by itself (IG-14)",
            after={"auto_refresh": True},
        )


def worksheet(desired: DesiredWindowsGateway) -> Change:
    """Return the allow-list as a worksheet: each server and port, and whether it is a Notification Server (IG-02)."""
    gateway = desired.gateway
    entries = [
        f"{target} ({'Notification Server' if target.kind == 'notification_server' else 'site server'})"
        for target in desired.targets
    ]
    return Change(
        gateway.name,
        Resource.FILE,
        WORKSHEET,
        Action.OPERATOR,
        "in the gateway's manager, listen and list servers exactly so, and nothing else (IG-02; the format of its "
        f"settings is not documented, IG-15); afterwards `cemops probe --gateway {gateway.name}` shows what agents get",
        after={
            "listen": [f"{address}:{gateway.listen.port}" for address in gateway.listen.addresses],
            "servers": entries,
            "tls": list(gateway.tls),
            "fips": gateway.fips,
            "connections": gateway.capacity.concurrent_connections,
        },
    )


def certificate_step(desired: DesiredWindowsGateway, presented: CertificateFacts | None) -> Iterator[Change]:
    """Yield what to import where the certificate that the gateway presents does not do.

    server.pfx is made by the manager with a password that only it knows, so that cemops can neither read nor write it.
    """
    choice, gateway = desired.choice, desired.gateway
    if choice.action in ("keep", "refuse"):
        return
    yield Change(
        gateway.name,
        Resource.CERTIFICATE,
        PACKED_CERTIFICATE,
        Action.OPERATOR,
        f"in the gateway's manager, {_import(desired)} ({'; '.join(choice.reasons)}); agents pin its thumbprint, so "
        "give it to them first (IG-06, CE-05)",
        before=certificate_data(presented),
        after=certificate_data(choice.facts),
        warnings=choice.warnings,
    )


def _import(desired: DesiredWindowsGateway) -> str:
    source, fqdn = desired.gateway.certificate, desired.gateway.fqdn
    if isinstance(source, PfxFile):
        return f"import {source.pfx} as the gateway's certificate"
    if isinstance(source, StoredCertificate):
        return f"choose the certificate {source.thumbprint}"
    if source.kind == "self_signed":
        return f"make a self-signed certificate for {fqdn}"
    return f"import a .pfx with a certificate for {fqdn} that the authority {source.issued_by} issued"


def _plain(account: str) -> str:
    """Return an account without what Windows writes before its own and local ones."""
    folded = account.casefold().replace(" ", "")
    for prefix in ("ntauthority\\", ".\\"):
        folded = folded.removeprefix(prefix)
    return folded
