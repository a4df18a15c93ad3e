"""Machines: a platform with the layout, folder, service and account that it can have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemops.model.identity import is_posix_account
from cemops.model.reference_problem import ReferenceProblem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cemops.model.estate import Estate
    from cemops.model.gateways import Gateway
    from cemops.model.reference_problem import DocumentPath


def platforms(estate: Estate) -> Iterator[ReferenceProblem]:
    """Find gateways whose layout, folder, service or account belongs to the other platform."""
    for i, gateway in enumerate(estate.gateways):
        here: DocumentPath = ("gateways", i)
        if gateway.platform == "linux":
            yield from _linux(here, gateway)
        else:
            yield from _windows(here, gateway)


def _linux(here: DocumentPath, gateway: Gateway) -> Iterator[ReferenceProblem]:
    if gateway.layout != "httpd":
        yield ReferenceProblem(
            (*here, "layout"),
            f"the layout {gateway.layout} is the vendor's on Windows: on linux write httpd",
            "IG-10",
        )
    if not gateway.root.startswith("/"):
        yield ReferenceProblem(
            (*here, "root"), "the folder of a Linux gateway begins with /: write it as in /etc/cemops-gateway"
        )
    if gateway.service.manager == "windows":
        yield ReferenceProblem(
            (*here, "service", "manager"),
            "a Linux gateway has no Windows service: write systemd or direct",
        )
    account = gateway.service.account
    if account is not None and (account == "root" or not is_posix_account(account)):
        yield ReferenceProblem(
            (*here, "service", "account"),
            f"httpd cannot run as {account} on Linux: name an unprivileged Linux account, such as cemgw",
        )


def _windows(here: DocumentPath, gateway: Gateway) -> Iterator[ReferenceProblem]:
    if gateway.root.startswith("/"):
        yield ReferenceProblem(
            (*here, "root"),
            "the folder of a Windows gateway begins with a drive: write it as in 'C:\\cemops'",
        )
    if gateway.service.manager == "systemd":
        yield ReferenceProblem((*here, "service", "manager"), "Windows has no systemd: write windows or direct")


def listen_addresses(estate: Estate) -> Iterator[ReferenceProblem]:
    """Find gateways that listen on all addresses and on one more, or twice on one (IG-01)."""
    for i, gateway in enumerate(estate.gateways):
        addresses = gateway.listen.addresses
        path = ("gateways", i, "listen", "addresses")
        if "*" in addresses and len(addresses) > 1:
            yield ReferenceProblem(path, '"*" is every address already: write it alone, or leave it out', "IG-01")
        elif len(set(addresses)) < len(addresses):
            yield ReferenceProblem(path, "an address stands here twice: write each address once", "IG-01")
