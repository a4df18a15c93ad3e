"""Settings of every Internet gateway. Where to connect, and as whom, comes from the estate; no secret is here."""

# The commands of cemops are POSIX sh.
_shell_executable = "sh"
