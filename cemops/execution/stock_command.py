"""What the stock ``pyinfra`` command must do otherwise, put right from ``config.py`` (docs/adr/0002).

pyinfra executes ``config.py`` before it resolves the inventory. Five things of 3.10 are changed, each where pyinfra
offers no other way: a folder may be the inventory; hosts keep its order; an inventory or a ``--limit`` that names
nothing is an error and not a success; and without a terminal nothing asks (pyinfra ends with the traceback of an
EOFError).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any

from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra_cli import cli, inventory
from pyinfra_cli.exceptions import CliError

from cemops.execution.host_order import keep_order

_MARK = "_changed_by_cemops"


def adapt() -> None:
    """Change the command of this process. Doing it again changes nothing more."""
    _replace(inventory, "_get_groups_from_filename", _folders_too)
    _replace(cli, "make_inventory", _inventory_with_hosts)
    _replace(cli, "_get_inventory_pattern_matches", _every_pattern_matches)
    if not sys.stdin or not sys.stdin.isatty():
        _replace(cli, "_do_confirm", _nobody_to_ask)
        _replace(cli, "_set_fail_prompts", _no_prompts)


def _replace(module: Any, name: str, around: Callable[[Any], Callable[..., Any]]) -> None:  # noqa: ANN401 - a module
    stock = getattr(module, name)
    if not hasattr(stock, _MARK):
        changed = wraps(stock)(around(stock))
        setattr(changed, _MARK, True)
        setattr(module, name, changed)


def _folders_too(stock: Callable[[str], dict[str, Any]]) -> Callable[[str], dict[str, Any]]:
    def groups(filename: str) -> dict[str, Any]:
        path = Path(filename)
        return stock(str(path / "__init__.py") if path.is_dir() else filename)

    return groups


def _inventory_with_hosts(stock: Callable[..., Inventory]) -> Callable[..., Inventory]:
    def make(name: str, *arguments: Any, **keywords: Any) -> Inventory:  # noqa: ANN401 - pyinfra's
        made = stock(name, *arguments, **keywords)
        if not len(made) and not Path(name).exists():
            raise CliError(
                f"{name} is no inventory: there is no such file or folder, no such module, and no host of that name "
                "is known. Did you mean `pyinfra inventory ...`?"
            )
        keep_order(made)
        return made

    return make


def _every_pattern_matches(
    stock: Callable[[Inventory, Iterable[str], str], list[Host]],
) -> Callable[[Inventory, Iterable[str], str], list[Host]]:
    def matches(hosts: Inventory, patterns: Iterable[str], option: str) -> list[Host]:
        patterns = tuple(patterns)
        for pattern in patterns:
            if not stock(hosts, (pattern,), option):
                known = ", ".join(host.name for host in hosts) or "none"
                raise CliError(f"{option} {pattern} matches no host and no group of the inventory; hosts: {known}")
        return stock(hosts, patterns, option)

    return matches


def _nobody_to_ask(stock: Callable[[str], bool]) -> Callable[[str], bool]:
    del stock

    def refuse(question: str) -> bool:
        del question
        raise CliError("there is no terminal to ask on, so nothing was changed: add -y to apply, --dry only to look")

    return refuse


def _no_prompts(stock: Callable[..., None]) -> Callable[..., None]:
    """Leave the failed hosts out and go on with the others, as with ``-y``; the exit code tells."""
    del stock

    def install(*arguments: Any) -> None:  # noqa: ANN401 - pyinfra's
        del arguments

    return install
