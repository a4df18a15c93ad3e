"""The CEM agent site of Notification Servers: its binding, its certificate, the console's certificate.

``pyinfra inventory deploys/agent_site.py --dry`` shows what would change, ``-y`` makes it so: the same planner and the
same guards as ``cemops plan`` and ``cemops apply``.
"""

from cemops.execution.operations import agent_site

# One after another: a server whose change had to be undone stops the rest, before every agent has met it.
agent_site(name="CEM agent site", _serial=True)
