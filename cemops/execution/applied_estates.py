"""Which estate each host was last brought to, so that drift can be told from intention.

Remembered in the store where ``change.store`` names one, so that a runner without a past knows it, too; else in a
folder beside the estate file, which costs a plan nothing. Nothing of it is needed to plan or apply.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable
from dataclasses import replace
from functools import cached_property
from typing import Protocol

from gevent.lock import RLock
from pydantic import ValidationError

from cemops.errors import CemopsError
from cemops.execution.baseline_folder import BaselineFolder
from cemops.execution.baseline_store import BaselineStore
from cemops.execution.estate_context import EstateContext
from cemops.model.estate import Estate
from cemops.model.references import reference_problems
from cemops.planning.intent import Baselines
from cemops.planning.managed import managed_machines
from cemops.planning.saved_plan import estate_text, text_digest


class BaselinePlace(Protocol):
    """Where baselines are kept."""

    def read(self) -> Baselines:
        """Return what is known. Raises CemopsError where that cannot be told."""

    def write(self, text: str, hosts: Iterable[str], declared: Container[str]) -> None:
        """Remember that hosts were brought to what a text declares, and no host that is not declared.

        Raises CemopsError.
        """


class AppliedEstates:
    """What is remembered of one estate's hosts; read once, when somebody asks."""

    def __init__(self, context: EstateContext, complain: Callable[[str], None]) -> None:
        self._context = context
        self._complain = complain
        declared = context.estate.change.store
        self._place: BaselinePlace = BaselineFolder(context.folder) if declared is None else BaselineStore(context)
        self._known: Baselines | None = None
        self._trouble: CemopsError | None = None
        self._complained = False
        self._reading = RLock()
        """Hosts are planned at the same time, and a server that does not answer is waited for once."""
        self._contexts: dict[str, EstateContext | None] = {}

    def known(self) -> Baselines:
        """Return what is remembered. Raises SecretError, StoreError where the store is out of reach."""
        with self._reading:
            if self._trouble is not None:
                raise self._trouble
            if self._known is None:
                try:
                    self._known = self._place.read()
                except CemopsError as error:
                    self._trouble = error
                    raise
            return self._known

    def context_of(self, host: str) -> EstateContext | None:
        """Return the estate that a host was last brought to; None where none is remembered. Raises as ``known``."""
        known = self.known()
        digest = known.hosts.get(host)
        if digest is None:
            return None
        if digest == self._text[1]:
            return self._context
        if digest not in self._contexts:
            self._contexts[digest] = self._load(known.texts.get(digest))
        return self._contexts[digest]

    def remember(self, hosts: Iterable[str]) -> None:
        """Remember that these hosts are as the estate declares them now; where that fails it is said once."""
        text, digest = self._text
        try:
            known = self.known()
            brought = [host for host in hosts if known.hosts.get(host) != digest]
            if brought:
                self._place.write(text, brought, self._declared)
                self._known = Baselines(
                    {**known.hosts, **dict.fromkeys(brought, digest)}, {**known.texts, digest: text}
                )
        except CemopsError as error:
            if not self._complained:
                self._complain(f"which estate the hosts were brought to is not remembered: {error}")
            self._complained = True

    @cached_property
    def _text(self) -> tuple[str, str]:
        text = estate_text(self._context.estate)
        return text, text_digest(text)

    @cached_property
    def _declared(self) -> frozenset[str]:
        return frozenset(managed_machines(self._context.estate))

    def _load(self, text: str | None) -> EstateContext | None:
        """Return the estate of a text; None where it is gone, or this version of cemops reads it otherwise."""
        if text is None:
            return None
        try:
            estate = Estate.model_validate(json.loads(text))
        except (ValidationError, ValueError):
            return None
        if reference_problems(estate):
            return None
        return replace(self._context, loaded=replace(self._context.loaded, estate=estate))
