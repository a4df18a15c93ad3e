"""The SOAP faults of the endpoint: Windows' codes (wsmerror.h) with the subcodes of WS-Management."""

from __future__ import annotations

from html import escape

from cemops.lab.windows.wsman_names import FAULT_DETAIL, MICROSOFT_FAULT


class WsmanFaultError(Exception):
    """The request is answered with a fault; ``code`` is what clients decide by."""

    def __init__(self, code: int, subcode: str, reason: str, *, detail: str = "", sender: bool = True) -> None:
        super().__init__(reason)
        self.code = code
        self.subcode = subcode
        self.reason = reason
        self.detail = detail
        self.sender = sender

    def body(self, machine: str) -> str:
        """Return the ``s:Fault`` element."""
        detail = f"<w:FaultDetail>{FAULT_DETAIL}/{self.detail}</w:FaultDetail>" if self.detail else ""
        reason = escape(self.reason)
        return (
            f"<s:Fault><s:Code><s:Value>s:{'Sender' if self.sender else 'Receiver'}</s:Value>"
            f"<s:Subcode><s:Value>{self.subcode}</s:Value></s:Subcode></s:Code>"
            f'<s:Reason><s:Text xml:lang="en-US">{reason}</s:Text></s:Reason><s:Detail>{detail}'
            f'<f:WSManFault xmlns:f="{MICROSOFT_FAULT}" Code="{self.code}" Machine="{escape(machine)}">'
            f"<f:Message>{reason}</f:Message></f:WSManFault></s:Detail></s:Fault>"
        )


def operation_timeout() -> WsmanFaultError:
    """Nothing came within OperationTimeout: the client asks again."""
    return WsmanFaultError(
        2150858793,
        "w:TimedOut",
        "The WS-Management service cannot complete the operation within the time specified in OperationTimeout.",
        detail="OperationTimeout",
        sender=False,
    )


def unknown_shell(shell_id: str) -> WsmanFaultError:
    """The selector names no shell of this user: closed, idle for too long, or never there."""
    return WsmanFaultError(
        2150858843,
        "w:InvalidSelectors",
        f"The request for the Windows Remote Shell with ShellId {shell_id} failed because the shell was not found "
        "on the server.",
        detail="UnexpectedSelectors",
    )


def unknown_command(command_id: str) -> WsmanFaultError:
    """The shell has no such command (any more): E_INVALIDARG."""
    return WsmanFaultError(
        2147942487,
        "w:InvalidParameter",
        f"The parameter is incorrect: the shell has no command {command_id}.",
    )


def input_closed() -> WsmanFaultError:
    """Something is sent to a stdin that has ended: ERROR_BROKEN_PIPE."""
    return WsmanFaultError(2147942509, "w:InternalError", "The pipe has been ended.", sender=False)


def aborted() -> WsmanFaultError:
    """The command was terminated while the client waited for its output: ERROR_OPERATION_ABORTED."""
    return WsmanFaultError(
        995,
        "w:InternalError",
        "The I/O operation has been aborted because of either a thread exit or an application request.",
        sender=False,
    )


def program_not_found(reason: str) -> WsmanFaultError:
    """The program cannot be started without cmd.exe: ERROR_FILE_NOT_FOUND."""
    return WsmanFaultError(2147942402, "w:InternalError", reason, sender=False)


def line_too_long() -> WsmanFaultError:
    """The command line is longer than Windows takes: ERROR_FILENAME_EXCED_RANGE."""
    return WsmanFaultError(2147942606, "w:InternalError", "The filename or extension is too long.", sender=False)


def bad_action(action: str) -> WsmanFaultError:
    """The endpoint does not know the action."""
    return WsmanFaultError(
        2150858753,
        "a:ActionNotSupported",
        f"The WS-Management service cannot process the request: the action URI {action!r} is not supported.",
        detail="InvalidAction",
    )


def bad_resource(resource: str) -> WsmanFaultError:
    """The endpoint does not know the resource."""
    return WsmanFaultError(
        2150858752,
        "a:DestinationUnreachable",
        f"The WS-Management service cannot process the request: there is no resource {resource!r}.",
        detail="InvalidResourceURI",
    )


def bad_message(why: str) -> WsmanFaultError:
    """The request is no envelope of WS-Management."""
    return WsmanFaultError(
        2150858817,
        "w:SchemaValidationError",
        f"The SOAP XML in the message does not match the corresponding XML schema definition: {why}.",
    )


def envelope_too_large() -> WsmanFaultError:
    """The request is larger than MAX_ENVELOPE_SIZE."""
    return WsmanFaultError(
        2150858790,
        "w:EncodingLimit",
        "The WS-Management service cannot process the request because it is larger than the maximum size allowed.",
        detail="MaxEnvelopeSize",
    )


def too_many_shells(limit: int) -> WsmanFaultError:
    """The user has as many shells as MaxShellsPerUser allows."""
    return WsmanFaultError(
        2150859173,
        "w:QuotaLimit",
        f"The WS-Management service cannot process the request: this user has reached the maximum of {limit} "
        "concurrent shells.",
    )


def too_many_commands(limit: int) -> WsmanFaultError:
    """The shell has as many commands as may be that nobody has terminated."""
    return WsmanFaultError(
        2150859174,
        "w:QuotaLimit",
        f"The WS-Management service cannot process the request: the maximum of {limit} concurrent operations is "
        "reached; terminate what has ended.",
    )
