"""Ops on certificate stores and on http.sys' table, as the payload's ``actions.ps1`` has them."""

from __future__ import annotations

from base64 import b64decode

from cemops.lab.windows.http_sys import SslCert
from cemops.lab.windows.leaf_error import LeafError
from cemops.lab.windows.operation import Action, Operation, same_text
from cemops.lab.windows.writing_leaves import Leaves

DEFAULT_STORE = "My"
"""What http.sys means where no store is named."""


def _has_key(leaves: Leaves, store: str, thumbprint: str) -> bool | None:
    """Return whether a certificate has its key; None where it is not there."""
    found = leaves.get_certificate(store, thumbprint)
    return None if found is None else bool(found["has_private_key"])


def import_pfx(leaves: Leaves, action: Action) -> bool:
    """``certificate.import_pfx``."""
    store, thumbprint = action["store"], action["thumbprint"]
    if _has_key(leaves, store, thumbprint):
        return False
    leaves.import_pfx(store, b64decode(action["pfx"]), action["password"])
    keyed = _has_key(leaves, store, thumbprint)
    if keyed is None:
        raise LeafError(f"certificate {thumbprint} is not in store {store} after the import: the PFX holds another")
    if not keyed:
        raise LeafError(f"certificate {thumbprint} has no private key in store {store} after the import")
    return True


def add_certificate(leaves: Leaves, action: Action) -> bool:
    """``certificate.add``."""
    store, thumbprint = action["store"], action["thumbprint"]
    if _has_key(leaves, store, thumbprint) is not None:
        return False
    leaves.add_certificate(store, b64decode(action["der"]))
    if _has_key(leaves, store, thumbprint) is None:
        raise LeafError(f"certificate {thumbprint} is not in store {store} after it was added")
    return True


def remove_certificate(leaves: Leaves, action: Action) -> bool:
    """``certificate.remove``: never one that http.sys still names."""
    store, thumbprint = action["store"], action["thumbprint"]
    if _has_key(leaves, store, thumbprint) is None:
        return False
    for one in leaves.get_ssl_certs():
        if _is_right(one, thumbprint, store):
            raise LeafError(
                f"certificate {thumbprint} is still in use: http.sys names it for {one.kind} {one.endpoint}"
            )
    leaves.remove_certificate(store, thumbprint)
    if _has_key(leaves, store, thumbprint) is not None:
        raise LeafError(f"certificate {thumbprint} is still in store {store} after its removal")
    return True


def allow_key(leaves: Leaves, action: Action) -> bool:
    """``certificate.allow_key``."""
    store, thumbprint, account = action["store"], action["thumbprint"], action["account"]
    _check_keyed(leaves, store, thumbprint)
    if leaves.test_key_reader(store, thumbprint, account):
        return False
    leaves.grant_key(store, thumbprint, account)
    if not leaves.test_key_reader(store, thumbprint, account):
        raise LeafError(f"{account} still cannot read the private key of certificate {thumbprint}")
    return True


def _check_keyed(leaves: Leaves, store: str, thumbprint: str) -> None:
    keyed = _has_key(leaves, store, thumbprint)
    if keyed is None:
        raise LeafError(f"certificate {thumbprint} is not in store {store} of LocalMachine")
    if not keyed:
        raise LeafError(f"certificate {thumbprint} in store {store} of LocalMachine has no private key")


def _entry(leaves: Leaves, kind: str, endpoint: str) -> SslCert | None:
    return next((one for one in leaves.get_ssl_certs() if one.is_at(kind, endpoint)), None)


def _is_right(entry: SslCert | None, thumbprint: str, store: str) -> bool:
    return (
        entry is not None
        and same_text(entry.thumbprint, thumbprint)
        and same_text(entry.store or DEFAULT_STORE, store or DEFAULT_STORE)
    )


def _add(leaves: Leaves, entry: SslCert) -> str:
    """Add an entry; return what netsh said. Never fails: whatever goes wrong leads to putting the old one back."""
    try:
        added = leaves.add_ssl_cert(
            entry.kind, entry.endpoint, entry.thumbprint, entry.store, entry.appid, entry.settings
        )
        return str(added["text"])
    except LeafError as error:
        return error.message


def _remove(leaves: Leaves, kind: str, endpoint: str) -> str:
    """Remove an entry; return what netsh said. Never fails, as ``_add``."""
    try:
        return str(leaves.remove_ssl_cert(kind, endpoint)["text"])
    except LeafError as error:
        return error.message


def _restore(leaves: Leaves, kind: str, endpoint: str, old: SslCert | None) -> bool:
    """Make an endpoint what it was; return whether it reads back so."""
    if _entry(leaves, kind, endpoint) is not None:
        _remove(leaves, kind, endpoint)
    if old is None:
        return _entry(leaves, kind, endpoint) is None
    _add(leaves, old)
    return _is_right(_entry(leaves, kind, endpoint), old.thumbprint, old.store)


def set_ssl_cert(leaves: Leaves, action: Action) -> bool:
    """``sslcert.set``: the old entry is put back where the new one does not hold."""
    kind, endpoint = action["kind"], action["endpoint"]
    thumbprint, store = action["thumbprint"], action["store"]
    old = _entry(leaves, kind, endpoint)
    if _is_right(old, thumbprint, store):
        return False
    if kind != "ccs":
        _check_keyed(leaves, store, thumbprint)
    if old is not None:
        said = _remove(leaves, kind, endpoint)
        if _entry(leaves, kind, endpoint) is not None:
            raise LeafError(f"http.sys keeps its entry for {kind} {endpoint} and nothing was changed: {said}")
    appid, settings = (action["appid"], {}) if old is None else (old.appid, old.settings)
    said = _add(leaves, SslCert(kind, endpoint, thumbprint, store, appid, settings))
    if _is_right(_entry(leaves, kind, endpoint), thumbprint, store):
        return True
    refused = f"http.sys did not take the certificate for {kind} {endpoint}"
    if not _restore(leaves, kind, endpoint, old):
        raise LeafError(f"{refused}, and what it held before could not be put back: {said}")
    raise LeafError(f"{refused}, and what it held before was put back: {said}")


def remove_ssl_cert(leaves: Leaves, action: Action) -> bool:
    """``sslcert.remove``."""
    kind, endpoint, thumbprint = action["kind"], action["endpoint"], action["thumbprint"]
    found = _entry(leaves, kind, endpoint)
    if found is None:
        return False
    if not same_text(found.thumbprint, thumbprint):
        raise LeafError(f"http.sys names certificate {found.thumbprint} for {kind} {endpoint} by now, not {thumbprint}")
    said = _remove(leaves, kind, endpoint)
    if _entry(leaves, kind, endpoint) is not None:
        raise LeafError(f"http.sys keeps its entry for {kind} {endpoint}: {said}")
    return True


_CERTIFICATE = "store=text thumbprint=text"
_ENDPOINT = "kind=ipport|hostnameport|ccs endpoint=text thumbprint=text"
OPERATIONS = {
    "certificate.import_pfx": Operation(f"{_CERTIFICATE} pfx=base64 password=text", import_pfx),
    "certificate.add": Operation(f"{_CERTIFICATE} der=base64", add_certificate),
    "certificate.remove": Operation(_CERTIFICATE, remove_certificate),
    "certificate.allow_key": Operation(f"{_CERTIFICATE} account=text", allow_key),
    "sslcert.set": Operation(f"{_ENDPOINT} store=text appid=text", set_ssl_cert),
    "sslcert.remove": Operation(_ENDPOINT, remove_ssl_cert),
}
