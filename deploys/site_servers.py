"""Site servers: HTTP, HTTPS and CEM bindings, their certificates, the ACC account.

``pyinfra inventory deploys/site_servers.py --dry`` shows what would change, ``-y`` makes it so: the same planner and
the same guards as ``cemops plan`` and ``cemops apply``.
"""

from cemops.execution.operations import site_servers

# One after another: a server whose change had to be undone stops the rest, before every agent has met it.
site_servers(name="Site servers", _serial=True)
