"""From what is desired and what was observed to changes: pure functions, no I/O."""
