"""Every rule, family after family, and the ids of what is found before rules can be asked."""

from __future__ import annotations

from cemops.rules import (
    agent_site_rules,
    authority_rules,
    capacity_rules,
    gateway_rules,
    load_balancer_rules,
    port_rules,
)

YAML_PROBLEM = "CEM000"
"""The file is not the YAML it seems to be."""
MODEL_PROBLEM = "CEM001"
"""A field is unknown, missing, or has a value that it cannot have."""
REFERENCE_PROBLEM = "CEM002"
"""What sections say about each other does not hold together."""
MISSING_FILE = "CEM003"
"""A file that the estate names is not there (info here, an error when planning)."""

RULES = (
    *gateway_rules.RULES,
    *capacity_rules.RULES,
    *agent_site_rules.RULES,
    *load_balancer_rules.RULES,
    *port_rules.RULES,
    *authority_rules.RULES,
)
