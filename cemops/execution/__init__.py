"""Where plans meet hosts: connector, facts, operations, and what applies a plan over several hosts."""
