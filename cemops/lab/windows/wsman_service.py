"""What the endpoint answers to each action of WS-Management: an envelope in, an envelope out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape

from cemops.lab.windows import wsman_faults
from cemops.lab.windows.command_line import (
    CMD_LINE_LIMIT,
    PROCESS_LINE_LIMIT,
    CommandHandler,
    CommandLine,
    CommandResult,
)
from cemops.lab.windows.wsman_behaviour import Behaviour, Counters
from cemops.lab.windows.wsman_faults import WsmanFaultError
from cemops.lab.windows.wsman_messages import (
    Request,
    configuration_body,
    envelope,
    identify_response,
    is_identify,
    parse_envelope,
    parse_request,
    parse_send,
    seconds_of,
    stream_element,
)
from cemops.lab.windows.wsman_names import (
    ACTION_COMMAND,
    ACTION_CREATE,
    ACTION_DELETE,
    ACTION_FAULT,
    ACTION_GET,
    ACTION_RECEIVE,
    ACTION_SEND,
    ACTION_SIGNAL,
    CMD_SHELL,
    CONFIGURATION,
    SHELL,
    STATE_DONE,
    STATE_RUNNING,
)
from cemops.lab.windows.wsman_shells import DEFAULT_IDLE_SECONDS, Shell, ShellCommand, Shells

_ENVELOPE_ALLOWANCE = 2048
"""Octets of an envelope that are not output."""


def knows_every_line(_line: CommandLine) -> bool:
    """Leave it to the handler what to do with a command line."""
    return True


@dataclass(frozen=True, repr=False)
class Answer:
    """One HTTP answer; ``action`` is the last word of what was asked."""

    status: int
    body: bytes
    action: str


@dataclass
class WsmanService:
    """The protocol, without HTTP and without logons."""

    machine: str
    """The computer's name, as faults and NTLM show it."""
    handler: CommandHandler
    knows: Callable[[CommandLine], bool] = knows_every_line
    """Tells command lines that exist from those that fail at once, before any stdin."""
    counters: Counters = field(default_factory=Counters)
    behaviour: Behaviour = field(default_factory=Behaviour)
    shells: Shells = field(default_factory=Shells)

    def answer(self, text: bytes, user: str) -> Answer:
        """Answer one envelope of a user who has logged on."""
        action, message_id = "", ""
        try:
            parsed = parse_envelope(text)
            if is_identify(parsed):
                self.counters.add_action("Identify")
                return Answer(200, identify_response(), "Identify")
            request = parse_request(parsed)
            action, message_id = request.action, request.message_id
            operate = self._operations().get(action)
            if operate is None:
                raise wsman_faults.bad_action(action)
            self.counters.add_action(action)
            body = operate(request, user)
        except WsmanFaultError as fault:
            return self.refuse(fault, action, message_id)
        return Answer(200, envelope(f"{action}Response", body, message_id), action.rpartition("/")[2])

    def refuse(self, fault: WsmanFaultError, action: str = "", message_id: str = "") -> Answer:
        """Answer with a fault."""
        self.counters.add("faults")
        return Answer(500, envelope(ACTION_FAULT, fault.body(self.machine), message_id), action.rpartition("/")[2])

    def _operations(self) -> dict[str, Callable[[Request, str], str]]:
        return {
            ACTION_GET: self._get,
            ACTION_CREATE: self._create,
            ACTION_DELETE: self._delete,
            ACTION_COMMAND: self._command,
            ACTION_SEND: self._send,
            ACTION_RECEIVE: self._receive,
            ACTION_SIGNAL: self._signal,
        }

    def _get(self, request: Request, _user: str) -> str:
        if request.resource != CONFIGURATION:
            raise wsman_faults.bad_resource(request.resource)
        return configuration_body()

    def _create(self, request: Request, user: str) -> str:
        if request.resource != CMD_SHELL:
            raise wsman_faults.bad_resource(request.resource)
        request.require("Shell")
        idle = seconds_of(request.text("IdleTimeOut"), DEFAULT_IDLE_SECONDS)
        shell = self.shells.open(user, idle)
        self.counters.add("shells")
        return (
            "<x:ResourceCreated><a:Address>/wsman</a:Address><a:ReferenceParameters>"
            f"<w:ResourceURI>{CMD_SHELL}</w:ResourceURI><w:SelectorSet>"
            f'<w:Selector Name="ShellId">{shell.id}</w:Selector></w:SelectorSet></a:ReferenceParameters>'
            f"</x:ResourceCreated><rsp:Shell><rsp:ShellId>{shell.id}</rsp:ShellId>"
            f"<rsp:ResourceUri>{CMD_SHELL}</rsp:ResourceUri><rsp:Owner>{escape(user)}</rsp:Owner>"
            f"<rsp:IdleTimeOut>PT{idle:.3f}S</rsp:IdleTimeOut><rsp:InputStreams>stdin</rsp:InputStreams>"
            "<rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell>"
        )

    def _shell(self, request: Request, user: str) -> Shell:
        if request.resource != CMD_SHELL:
            raise wsman_faults.bad_resource(request.resource)
        return self.shells.find(user, request.shell_id)

    def _delete(self, request: Request, user: str) -> str:
        self.shells.close(self._shell(request, user))
        return ""

    def _command(self, request: Request, user: str) -> str:
        shell = self._shell(request, user)
        content = request.require("CommandLine")
        arguments = [element.text or "" for element in content.iterfind(f"{{{SHELL}}}Arguments")]
        line = CommandLine(
            " ".join([request.text("Command"), *arguments]).strip(),
            request.options.get("WINRS_SKIP_CMD_SHELL", "").upper() in {"TRUE", "1"},
        )
        refusal = self._refusal(line)
        command = ShellCommand(line, self.handler, self.behaviour.command_delay_seconds)
        if refusal is not None:
            command.finish(refusal)
        shell.add(command)
        self.counters.add("commands")
        return f"<rsp:CommandResponse><rsp:CommandId>{command.id}</rsp:CommandId></rsp:CommandResponse>"

    def _refusal(self, line: CommandLine) -> CommandResult | None:
        """Return what cmd.exe says of a line that it cannot run; without cmd.exe that is a fault."""
        limit, too_long = (
            (PROCESS_LINE_LIMIT, None)
            if line.skips_cmd
            else (CMD_LINE_LIMIT, CommandResult(b"", b"The command line is too long.\r\n", 1))
        )
        if len(line.text) > limit:
            if too_long is None:
                raise wsman_faults.line_too_long()
            return too_long
        if self.knows(line):
            return None
        reason = f"'{line.text[:80]}' is not known to this stand-in for a Windows machine"
        if line.skips_cmd:
            raise wsman_faults.program_not_found(f"The system cannot find the file specified: {reason}.")
        return CommandResult(b"", f"{reason}.\r\n".encode(), 1)

    def _send(self, request: Request, user: str) -> str:
        shell = self._shell(request, user)
        sent = parse_send(request)
        shell.command(sent.command_id).take_input(sent.data, last=sent.last)
        return "<rsp:SendResponse/>"

    def _receive(self, request: Request, user: str) -> str:
        shell = self._shell(request, user)
        desired = request.require("Receive").find(f"{{{SHELL}}}DesiredStream")
        command_id = "" if desired is None else desired.get("CommandId", "")
        command = shell.command(command_id)
        fits = (request.max_envelope - _ENVELOPE_ALLOWANCE) // 4 * 3
        dribbles = self.behaviour.piece
        output = command.receive(
            request.timeout_seconds, fits if dribbles is None else min(fits, dribbles), end_alone=dribbles is not None
        )
        done = output.exit_code is not None
        streams = "".join(
            stream_element(name, command.id, data, last=done)
            for name, data in (("stdout", output.stdout), ("stderr", output.stderr))
            if data or done
        )
        state = STATE_DONE if done else STATE_RUNNING
        code = f"<rsp:ExitCode>{output.exit_code}</rsp:ExitCode>" if done else ""
        return (
            f'<rsp:ReceiveResponse>{streams}<rsp:CommandState CommandId="{command.id}" State="{state}">{code}'
            "</rsp:CommandState></rsp:ReceiveResponse>"
        )

    def _signal(self, request: Request, user: str) -> str:
        shell = self._shell(request, user)
        command = shell.command(request.require("Signal").get("CommandId", ""))
        code = request.text("Code").rpartition("/")[2].lower()
        if code == "terminate":
            shell.remove(command)
        elif code in {"ctrl_c", "ctrl_break"}:
            command.interrupt()
        else:
            raise wsman_faults.bad_message(f"the signal {code!r} is not known")
        return "<rsp:SignalResponse/>"
