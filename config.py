"""pyinfra's settings, and what lets the folder ``inventory/`` be given as an inventory.

pyinfra executes this file before it resolves the inventory. What is changed in its command, and why, stands in
``cemops/execution/stock_command.py`` (docs/adr/0002).
"""

from pyinfra.context import config

from cemops.execution.ssh_connector import CONNECT_SECONDS
from cemops.execution.stock_command import adapt

# pyinfra ignores plain variables of this file: what counts is what is set on its config.
config.CONNECT_TIMEOUT = CONNECT_SECONDS

adapt()
