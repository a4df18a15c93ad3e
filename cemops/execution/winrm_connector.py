"""The pyinfra connector ``@winrm/NAME``: WinRM over TLS, to hosts that are known beforehand."""

from __future__ import annotations

from pyinfra.connectors.base import BaseConnector


class WinrmConnector(BaseConnector):
    """A Windows machine of the estate over WinRM."""

    handles_execution = True
