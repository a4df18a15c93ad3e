"""The names of WS-Management as WinRM speaks it ([MS-WSMV]): namespaces, actions, states."""

from __future__ import annotations

SOAP = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
IDENTITY = "http://schemas.dmtf.org/wbem/wsman/identify/1/wsmanidentity.xsd"
FAULT_DETAIL = "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail"
MICROSOFT_WSMAN = "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"
MICROSOFT_FAULT = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
CONFIGURATION = "http://schemas.microsoft.com/wbem/wsman/1/config"
SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"

CMD_SHELL = f"{SHELL}/cmd"
"""The resource that stands for a shell of commands; PowerShell's own shells are another one."""

ACTION_GET = f"{TRANSFER}/Get"
ACTION_CREATE = f"{TRANSFER}/Create"
ACTION_DELETE = f"{TRANSFER}/Delete"
ACTION_COMMAND = f"{SHELL}/Command"
ACTION_SEND = f"{SHELL}/Send"
ACTION_RECEIVE = f"{SHELL}/Receive"
ACTION_SIGNAL = f"{SHELL}/Signal"
ACTION_FAULT = f"{WSMAN.rpartition('/')[0]}/fault"

STATE_RUNNING = f"{SHELL}/CommandState/Running"
STATE_DONE = f"{SHELL}/CommandState/Done"

MAX_ENVELOPE_SIZE = 512_000
"""Octets of a request or response: MaxEnvelopeSizekb is 500 on every Windows since 2012."""
