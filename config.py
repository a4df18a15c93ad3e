"""pyinfra's settings, and what lets the folder ``inventory/`` be given as an inventory.

pyinfra executes this file before it resolves the inventory. It knows files, and no folders: a folder raises
IsADirectoryError in 3.10. Below, a folder stands for its ``__init__.py`` (docs/adr).
"""

from pathlib import Path

from pyinfra_cli import inventory as _inventory

CONNECT_TIMEOUT = 10
FAIL_PERCENT = 100

_read_groups = _inventory._get_groups_from_filename  # noqa: SLF001 - pyinfra offers no other way; pinned to 3.10


def _groups_from_folder_or_file(filename: str) -> dict[str, object]:
    path = Path(filename)
    groups: dict[str, object] = _read_groups(str(path / "__init__.py") if path.is_dir() else filename)
    return groups


if _inventory._get_groups_from_filename.__name__ != _groups_from_folder_or_file.__name__:  # noqa: SLF001
    _inventory._get_groups_from_filename = _groups_from_folder_or_file  # noqa: SLF001
