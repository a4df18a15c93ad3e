"""YAML to plain data, with the place of every value, and with every surprise reported instead of guessed.

Works on the events of libyaml: one pass, no recursion, nothing constructed that the file asks for (tags).
Keys are text and stand once in a section; anchors may be repeated by aliases as far as the limits go.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import yaml

from cemops.model.scalars import meaning, surprise
from cemops.model.text import shown_key
from cemops.model.yaml_syntax import QUOTE, Mark, explain_syntax, find_unwanted

DEEPEST = 32
MOST_VALUES = 500_000

Path = tuple[str | int, ...]

_SECRET_KEY = re.compile(r"pass|pwd|secret|token|key|store", re.IGNORECASE)


@dataclass(frozen=True)
class Complaint:
    """One thing wrong in the text itself."""

    path: Path
    mark: Mark
    message: str


@dataclass
class YamlTree:
    """What a text holds: plain data, where each value and each key stands, and what was wrong with it."""

    data: object = None
    values: dict[Path, Mark] = field(default_factory=dict)
    keys: dict[Path, Mark] = field(default_factory=dict)
    complaints: list[Complaint] = field(default_factory=list)
    readable: bool = True
    """False where reading stopped before the end: ``data`` is then incomplete."""


class _UnreadableError(Exception):
    def __init__(self, mark: Mark, message: str) -> None:
        super().__init__(message)
        self.mark = mark
        self.message = message


@dataclass
class _Open:
    """A list or section that is being read. ``key`` is set between a key and its value."""

    container: dict[str, object] | list[object]
    path: Path
    anchor: str | None
    values_before: int
    key: str | None = None
    height: int = 1


@dataclass(frozen=True)
class _Anchored:
    value: object
    values: int
    height: int


def read_yaml(text: str, expects_number: Callable[[Path], bool] = lambda _path: False) -> YamlTree:
    """Read one YAML document; never raises: what is wrong stands in ``complaints``.

    ``expects_number`` tells whether only a number is possible at a place, so that the advice for a surprising
    word fits there.
    """
    tree = YamlTree()
    reader = _Reader(tree, expects_number)
    unwanted = find_unwanted(text)
    if unwanted is not None:
        tree.complaints.append(Complaint((), *unwanted))
        tree.readable = False
        return tree
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            reader.take(event)
    except _UnreadableError as error:
        tree.complaints.append(Complaint(reader.path, error.mark, error.message))
        tree.readable = False
    except yaml.MarkedYAMLError as error:
        tree.complaints.append(Complaint(reader.path, *explain_syntax(error, text)))
        tree.readable = False
    if tree.readable and not reader.documents:
        tree.complaints.append(Complaint((), (1, 1), "the file is empty: declare an estate, beginning with cemops: 1"))
        tree.readable = False
    return tree


class _Reader:
    """Builds the tree from events; holds the lists and sections that are open."""

    def __init__(self, tree: YamlTree, expects_number: Callable[[Path], bool]) -> None:
        self.documents = 0
        self._expects_number = expects_number
        self._tree = tree
        self._stack: list[_Open] = []
        self._anchors: dict[str, _Anchored | None] = {}
        self._count = 0

    @property
    def path(self) -> Path:
        """Where in the document the next value belongs."""
        if not self._stack:
            return ()
        top = self._stack[-1]
        if isinstance(top.container, list):
            return (*top.path, len(top.container))
        return top.path if top.key is None else (*top.path, top.key)

    def take(self, event: yaml.Event) -> None:
        """Take the next event of the parser."""
        if isinstance(event, yaml.ScalarEvent):
            self._refuse_tag(event)
            self._scalar(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._refuse_tag(event)
            self._open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise _UnreadableError(
                    _start(event),
                    "a second document begins here (---): an estate is one document, so join them",
                )

    def _complain(self, path: Path, mark: Mark, message: str) -> None:
        self._tree.complaints.append(Complaint(path, mark, message))

    def _refuse_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.tag is not None:
            self._complain(
                self.path,
                _start(event),
                f"a value that begins with ! is a tag to YAML: {QUOTE}, or delete it",
            )

    def _expects_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].container, dict) and self._stack[-1].key is None

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        plain = event.implicit[0]
        if self._expects_key():
            self._key(event.value, _start(event), plain=plain)
            return
        path, mark = self.path, _start(event)
        value: object = event.value
        if plain:
            reason = surprise(event.value)
            if reason is None:
                value = meaning(event.value)
            else:
                reason = surprise(event.value, number=self._expects_number(path))
                secret = bool(path) and _SECRET_KEY.search(str(path[-1]))
                self._complain(
                    path, mark, f"YAML versions read this value differently: {QUOTE}" if secret else reason or ""
                )
        self._count += 1
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(value, 1, 0)
        self._add(path, value, mark, 0)

    def _key(self, key: str, mark: Mark, *, plain: bool) -> None:
        top = self._stack[-1]
        path = (*top.path, key)
        if plain and key == "<<":
            self._complain(path, mark, "<< merges another section in YAML 1.1 only: write the keys out")
        elif plain and (surprise(key) or not isinstance(meaning(key), str)):
            self._complain(path, mark, f"the key {shown_key(key)} is not text to YAML: put it in quotes")
        elif key in top.container:
            line = self._tree.keys[path][0]
            self._complain(
                path,
                mark,
                f"the key {shown_key(key)} stands twice in this section, first in line {line}: keep one",
            )
        top.key = key
        self._tree.keys.setdefault(path, mark)

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        mark = _start(event)
        if self._expects_key():
            raise _UnreadableError(mark, "a key is one word, not a list or a section: write KEY: VALUE")
        if len(self._stack) >= DEEPEST:
            raise _UnreadableError(
                mark, f"lists and sections stand more than {DEEPEST} deep here: no estate needs that"
            )
        container: dict[str, object] | list[object] = {} if isinstance(event, yaml.MappingStartEvent) else []
        path = self.path
        self._tree.values.setdefault(path, mark)
        self._stack.append(_Open(container, path, event.anchor, self._count))
        self._count += 1
        if event.anchor is not None:
            self._anchors[event.anchor] = None

    def _close(self) -> None:
        done = self._stack.pop()
        if done.anchor is not None:
            values = self._count - done.values_before
            self._anchors[done.anchor] = _Anchored(done.container, values, done.height)
        self._add(done.path, done.container, self._tree.values[done.path], done.height)

    def _alias(self, event: yaml.AliasEvent) -> None:
        mark = _start(event)
        if self._expects_key():
            raise _UnreadableError(mark, "a key is one word, not an alias: write KEY: VALUE")
        if event.anchor not in self._anchors:
            raise _UnreadableError(
                mark, f"a value that begins with * is an alias to YAML, and there is no such anchor: {QUOTE}"
            )
        anchored = self._anchors[event.anchor]
        if anchored is None:
            raise _UnreadableError(mark, "this alias stands inside the very section it repeats: write the value out")
        if len(self._stack) + anchored.height > DEEPEST:
            raise _UnreadableError(
                mark, f"lists and sections stand more than {DEEPEST} deep here: no estate needs that"
            )
        self._count += anchored.values
        self._add(self.path, anchored.value, mark, anchored.height)

    def _add(self, path: Path, value: object, mark: Mark, height: int) -> None:
        if self._count > MOST_VALUES:
            raise _UnreadableError(mark, f"the file holds more than {MOST_VALUES} values, aliases counted: split it")
        self._tree.values.setdefault(path, mark)
        if not self._stack:
            self._tree.data = value
            return
        top = self._stack[-1]
        top.height = max(top.height, height + 1)
        if isinstance(top.container, list):
            top.container.append(value)
        elif top.key is not None:
            top.container.setdefault(top.key, value)
            top.key = None


def _start(event: yaml.Event) -> Mark:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)
