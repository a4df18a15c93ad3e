"""Findings: what the estate alone shows to be against the documented limits. One module per family."""
