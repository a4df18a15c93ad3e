"""``python -m cemops``."""

from cemops.cli.main import main

main()
