"""pyinfra's groups, built from the estate: ``CEMOPS_ESTATE``, else ``inventory/estate.yaml``.

``pyinfra inventory deploys/gateway.py``; groups are the estate's section names. No secret is in here: the connector
resolves references when it connects.
"""

from cemops.execution.current_estate import current_groups

_groups = current_groups()
gateways = _groups["gateways"]
