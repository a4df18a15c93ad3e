"""Internet gateways on stock Apache httpd.

``pyinfra inventory deploys/gateway.py --dry`` shows what would change, ``--dry --diff`` with the text of files,
``-y`` makes it so: the same planner and the same guards as ``cemops plan`` and ``cemops apply``.
"""

from cemops.execution.operations import internet_gateway

# One after another: the next gateway is switched when the last one is confirmed, so agents always have one (C-07).
internet_gateway(name="Internet gateway", _serial=True)
