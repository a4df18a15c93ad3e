"""The command line: one module per group of commands. It parses, calls and renders; it decides nothing."""
