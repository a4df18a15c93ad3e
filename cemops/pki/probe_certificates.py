"""The client certificates with which the probe, the rehearsal and the outside check play an agent (C-04).

Reading only: what is not there is reported with the reason, so that a check is skipped by name and never
silently.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cemops.errors import PkiError
from cemops.model import topology
from cemops.pki.authorities import authority_passphrase
from cemops.pki.folder import estate_path, pki_folder
from cemops.pki.keyed_certificate import KeyedCertificate, read_pfx
from cemops.pki.probe_agents import Role, stored_agent, unknown_agent

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from cemops.model.estate import Estate
    from cemops.model.gateways import Gateway
    from cemops.secret_store import SecretStore


@dataclass(frozen=True)
class ProbeCertificates:
    """The agents of one Notification Server. Where one is None, the reason of the same name says why."""

    agent: KeyedCertificate | None
    expired: KeyedCertificate | None
    revoked: KeyedCertificate | None
    unknown_ca: KeyedCertificate | None
    agent_reason: str = ""
    expired_reason: str = ""
    revoked_reason: str = ""
    unknown_ca_reason: str = ""


def probe_certificates(  # noqa: PLR0913, PLR0917 - the estate's side, and for whom
    estate: Estate,
    folder: Path,
    gateway: Gateway,
    notification_server: str,
    secrets: SecretStore,
    now: datetime,
) -> ProbeCertificates:
    """Return the agents of a Notification Server that use a gateway. ``folder`` is the estate file's folder.

    Raises PkiError where the gateway does not serve that NS or a file is unfit, SecretError where a declared
    passphrase cannot be had.
    """
    if notification_server not in topology.served_notification_servers(estate, gateway):
        raise PkiError(
            f"gateway {gateway.name} does not serve {notification_server}: "
            "list it, or one of its site servers, in servers"
        )
    expired, expired_reason = _from_authority(estate, folder, notification_server, "expired", secrets)
    revoked, revoked_reason = _from_authority(estate, folder, notification_server, "revoked", secrets)
    agent, agent_reason = agent_certificate(estate, folder, notification_server, secrets)
    return ProbeCertificates(
        agent=agent,
        expired=expired,
        revoked=revoked,
        unknown_ca=unknown_agent(now),
        agent_reason=agent_reason,
        expired_reason=expired_reason,
        revoked_reason=revoked_reason,
    )


def agent_certificate(
    estate: Estate, folder: Path, notification_server: str, secrets: SecretStore
) -> tuple[KeyedCertificate | None, str]:
    """Return the agent of a Notification Server that must get through, or None and the reason why there is none.

    Raises PkiError where a file is unfit, SecretError where a declared passphrase cannot be had.
    """
    declared = topology.notification_server(estate, notification_server).probe_certificate
    if declared is None:
        return _from_authority(estate, folder, notification_server, "agent", secrets)
    password = None if declared.password is None else secrets.resolve(declared.password)
    return read_pfx(estate_path(folder, declared.pfx), password), ""


def _from_authority(
    estate: Estate, folder: Path, notification_server: str, role: Role, secrets: SecretStore
) -> tuple[KeyedCertificate | None, str]:
    name = topology.notification_server(estate, notification_server).root_authority
    if name is None:
        return None, f"{notification_server} has no root_authority: declare one"
    if topology.authority(estate, name).source != "local":
        if role == "agent":
            place = [server.name for server in estate.notification_servers].index(notification_server)
            reason = (
                f"{notification_server} has no probe_certificate, and its authority {name} is not local: declare"
                f" notification_servers[{place}].probe_certificate (a .pfx of an agent's gateway certificate)"
            )
            return None, reason
        return None, f"cemops cannot issue for the authority {name}: it is not local"
    pki = pki_folder(estate, folder)
    if not pki.has(pki.agent(name, role).certificate):
        return None, f"the authority {name} has not issued it yet: run `cemops apply`"
    stored = stored_agent(pki, name, role, authority_passphrase(estate, name, secrets))
    if stored is None:
        return None, f"{pki.agent(name, role).key} is missing or another certificate's: run `cemops apply`"
    return stored, ""
