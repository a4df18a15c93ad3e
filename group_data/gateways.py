"""Settings of every Internet gateway. Where and as whom to connect comes from the estate; nothing secret stands here."""

# The commands of cemops are POSIX sh.
_shell_executable = "sh"
