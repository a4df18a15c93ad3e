"""What goes wrong on the way to a WinRM endpoint, said so that an operator can mend it.

pywinrm, requests, urllib3, pyspnego, ssl and the XML parser raise classes of their own, and one that pyinfra does not
know ends the run for all hosts. Here each becomes a ``WinrmError``, which is an OSError and so one host's failure.
Nothing of what was sent is in a sentence; of what came back, the reason of a fault and the thumbprint that was refused.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException

import requests
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, ProtocolError, ReadTimeoutError
from winrm.exceptions import WinRMOperationTimeoutError, WinRMTransportError, WSManFaultError

from cemops.errors import CemopsError
from cemops.execution.winrm_endpoint import LogonRefusedError
from cemops.execution.winrm_target import WinrmTarget

ACCESS_DENIED = 5
"""Windows' error code in a fault."""
_PRESENTED = re.compile(r'Fingerprints did not match.*got "([0-9a-f]+)"')
_OF_THE_NAME = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_OF_THE_TIME = {9: "is not valid yet", 10: "has expired"}
_SAID = 300
"""How much of a host's own words is repeated."""
_NO_ACCESS = (403, 405)
_CONNECTIONS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    (
        (NameResolutionError, socket.gaierror),
        "cannot be reached: its name does not resolve; check connection.address",
    ),
    (
        (ConnectTimeoutError, requests.exceptions.ConnectTimeout),
        "cannot be reached: nothing answers there; check address, port and firewall, and that the host is up",
    ),
    (
        (ConnectionRefusedError,),
        "refuses the connection: check the port (`winrm enumerate winrm/config/listener` there shows it)",
    ),
    (
        (ReadTimeoutError, requests.exceptions.ReadTimeout, TimeoutError),
        "has stopped answering: check the host",
    ),
    (
        (ConnectionError, ssl.SSLError, HTTPException, ProtocolError),
        "has cut the connection: check the host and the network",
    ),
)
"""What each kind of failure means, the most telling first."""


class WinrmError(OSError):
    """Something failed between cemops and one Windows host; its text says what, where, and what to do."""


class WinrmTimeoutError(WinrmError, TimeoutError):
    """A deadline has passed."""


class WinrmLogonError(WinrmError):
    """The host refused the logon. It is not tried again: a few wrong passwords lock an account out."""


class WinrmFaultError(WinrmError):
    """The host understood, and said no; the connection holds."""


@contextmanager
def translated(target: WinrmTarget, consequence: str = "") -> Iterator[None]:
    """Turn whatever the libraries raise into a WinrmError; ``consequence`` says what that means for what was asked."""
    try:
        yield
    except WinrmError:
        raise
    except Exception as error:  # noqa: BLE001 - five libraries with classes of their own, and pyinfra knows none
        raise _translation(error, target, consequence) from None


def _translation(error: Exception, target: WinrmTarget, consequence: str) -> WinrmError:
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, LogonRefusedError):
            return WinrmLogonError(_logon_sentence(cause, target))
        if isinstance(cause, CemopsError):
            return WinrmError(f"{target.place}: {cause}")
        if isinstance(cause, (WSManFaultError, WinRMOperationTimeoutError)):
            return WinrmFaultError(f"{target.place} {_fault_sentence(cause)}")
    sentence = (
        next((said for cause in causes if (said := _certificate_sentence(cause, target))), None)
        or next((said for cause in causes if (said := _answer_sentence(cause))), None)
        or next((said for cause in reversed(causes) if (said := _connection_sentence(cause, target))), None)
        or f"answers, but not as WinRM does ({type(error).__name__}): check address and port"
    )
    return WinrmError(f"{target.place} {sentence}{consequence}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Give an error and what it came from, the outermost first: libraries chain, wrap as argument, or as ``reason``."""
    todo: list[object] = [error]
    seen: set[int] = set()
    while todo:
        one = todo.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            todo += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]


def _logon_sentence(refused: LogonRefusedError, target: WinrmTarget) -> str:
    if target.authentication == "certificate":
        return (
            f"{target.place} takes no logon by this client certificate: check that it is mapped to an account (`winrm"
            " enumerate winrm/config/service/certmapping`), and that `winrm get winrm/config/service/auth` says"
            " Certificate = true"
        )
    wanted = (target.authentication,) if target.authentication == "basic" else (target.authentication, "negotiate")
    if refused.offered and not any(kind in refused.offered for kind in wanted):
        offered = ", ".join(sorted({part.split()[0] for part in refused.offered.split(",") if part.strip()}))
        return (
            f"{target.place} does not take {target.authentication}; it offers {offered}: change"
            " connection.authentication, or what `winrm get winrm/config/service/auth` shows there"
        )
    return (
        f"{target.place} refuses the logon of {target.username} by {target.authentication}: check the credential. It"
        " was tried once, and is not tried again in this run, so that the account is not locked out"
    )


def _certificate_sentence(error: BaseException, target: WinrmTarget) -> str | None:
    presented = _PRESENTED.search(str(error))
    if presented is not None:
        return (
            f"presents a certificate with the thumbprint {presented[1].upper()}, and {target.thumbprint} is declared."
            " Somebody may be in between. If the certificate was renewed, check it by another way and change"
            " connection.server_certificate.thumbprint"
        )
    if not isinstance(error, ssl.SSLCertVerificationError):
        return None
    if error.verify_code in _OF_THE_NAME:
        return (
            f"presents a certificate of a trusted CA that is not for {target.address}: write a name of the certificate"
            " as connection.address, or pin its thumbprint in connection.server_certificate"
        )
    if error.verify_code in _OF_THE_TIME:
        return (
            f"presents a certificate that {_OF_THE_TIME[error.verify_code]}: renew it on the host, and check the clocks"
            " of both"
        )
    trusted = f"the CAs of {target.ca_file}" if target.ca_file else "the trust store of this machine"
    return (
        f"presents a certificate that {trusted} did not issue ({error.verify_message}): check ca_file or thumbprint in"
        " connection.server_certificate; `cemops observe --show-identity` prints what it presents"
    )


def _fault_sentence(fault: WSManFaultError | WinRMOperationTimeoutError) -> str:
    if isinstance(fault, WinRMOperationTimeoutError):
        return "needs too long for an operation: look at its load, then try again"
    reason = " ".join(str(fault.reason).split())[:_SAID]
    if ACCESS_DENIED in (fault.wsman_fault_code, fault.wmierror_code):
        return (
            f"takes the logon, and allows no remote commands ({reason}): make the account a member of"
            " Administrators, and lift the filter for remote local accounts (LocalAccountTokenFilterPolicy)"
        )
    return f"refuses the operation (WinRM fault {fault.wsman_fault_code or fault.fault_subcode}): {reason}"


def _answer_sentence(error: BaseException) -> str | None:
    """Say what a host means that answered in HTTP, and not in WinRM."""
    if isinstance(error, WinRMTransportError):
        if error.code in _NO_ACCESS:
            return f"answers HTTP {error.code}: no WinRM endpoint, or one that lets nobody in; check address and port"
        return f"answers HTTP {error.code}, which is no WinRM endpoint's answer: check address and port"
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return "answers, but not as WinRM does (its encoding cannot be read): check address and port"
    return None


def _connection_sentence(error: BaseException, target: WinrmTarget) -> str | None:
    """Say why there is no connection, or no more."""
    if isinstance(error, ssl.SSLError) and not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        reason = (error.reason or "TLS failed").replace("_", " ").lower()
        client = ", and that it takes the client certificate" if target.authentication == "certificate" else ""
        return f"does not agree on TLS ({reason}): check that WinRM listens there with HTTPS{client}"
    for kinds, sentence in _CONNECTIONS:
        if isinstance(error, kinds):
            return sentence
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be reached ({error.strerror}): check address, port and firewall"
    return None
