"""The agent's view of a gateway: what gets through it, and what does not."""
