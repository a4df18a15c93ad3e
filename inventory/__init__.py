"""pyinfra's groups, built from the estate: ``CEMOPS_ESTATE``, else ``inventory/estate.yaml``.

``pyinfra inventory deploys/gateway.py``; groups are the estate's section names. No secret is in here: the connectors
resolve references when they connect.
"""

from cemops.execution.current_estate import current_groups

_groups = current_groups()
notification_servers = _groups["notification_servers"]
site_servers = _groups["site_servers"]
gateways = _groups["gateways"]
