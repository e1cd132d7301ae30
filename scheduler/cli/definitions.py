"""Reads pod definitions from files: JSON or YAML, one or several in a file, ``-`` for standard input.

``read`` returns the documents; ``read_located`` also returns the line number of every member.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from scheduler.cli import screen
from scheduler.cli.errors import CommandError
from scheduler.cli.lines import DEEPEST, Places, TooMuchError, nearest, places_of, roots_of
from scheduler.cli.variables import Variables
from scheduler.model.duplicates import MEANING, duplicate_keys

_LARGEST = 8 * 1024 * 1024  # bytes of a file
_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}]')


class _Loader(yaml.SafeLoader):
    """Dates stay strings, as in JSON. Variables are replaced before a scalar is typed, except in keys."""

    def __init__(self, text: str, variables: Variables) -> None:
        super().__init__(text)
        self._variables = variables

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """The next value, or the next key of an object: its place is not known yet."""
        is_key = isinstance(parent, yaml.MappingNode) and index is None
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.ScalarEvent) and not is_key:
            event.value = self._variables.fill(event.value)
        return super().compose_node(parent, index)

    def documents(self) -> Iterator[Any]:
        """All documents. Raises YAMLError, and what a value raises that does not fit its tag."""
        try:
            while self.check_data():  # type: ignore[no-untyped-call]
                yield self.get_data()
        finally:
            self.dispose()


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True)
class Located:
    """A decoded document, and the line numbers of its members by path, as far as they are known.

    Attributes:
        repeated: the paths of keys that an object has more than once.
    """

    document: Any
    lines: dict[str, int] = field(default_factory=dict)
    repeated: tuple[str, ...] = ()

    def line(self, path: str) -> int | None:
        """The line of a member, or of the one that should contain it; of a repeated one, the last."""
        return nearest(self.lines, path)


def read(file: str, is_strict: Callable[[], bool] = lambda: False, variables: Variables | None = None) -> list[Any]:
    """Every definition in a file, as it will be sent; the scheduler validates the content.

    The scheduler cannot see repeated keys: they are refused here if ``is_strict``, otherwise reported on stderr.
    """
    found = read_located(file, variables=variables)
    repeated = [
        (_place(file, located.line(path)), f"{path}: {MEANING}") for located in found for path in located.repeated
    ]
    if repeated and is_strict():
        raise CommandError(
            "the scheduler runs with --strict-definitions and refuses repeated keys",
            details=tuple(f"{place}: {text}" for place, text in repeated),
        )
    for place, text in repeated:
        screen.tell(f"{place}: warning: {text}")
    return [located.document for located in found]


def read_located(file: str, what: str = "pod definition", variables: Variables | None = None) -> list[Located]:
    """Every definition in a file, or every ``what`` else, with line numbers."""
    variables = variables or Variables()
    name = "standard input" if file == "-" else file
    text = _text(file, name)
    is_json = _is_json(file, text)
    documents = variables.fill_all(_json(text, name)) if is_json else _yaml(text, name, variables)
    if not documents:
        raise CommandError(f"{name} contains no {what}", code=2)
    _require_json(documents, name)
    places = places_of(text, flat=is_json)
    if len(places) != len(documents):
        places = [Places() for _ in documents]
    repeated = _repeated_in_json(text, documents) if is_json else [tuple(each.repeated) for each in places]
    return [Located(*each) for each in zip(documents, (each.lines for each in places), repeated, strict=True)]


def _place(file: str, line: int | None) -> str:
    return f"{file}:{line}" if line else file


def _repeated_in_json(text: str, documents: list[Any]) -> list[tuple[str, ...]]:
    """The repeated paths in each document; in a list, paths begin with the document's index."""
    paths = [problem.path for problem in duplicate_keys(text.encode())]
    if not text.lstrip().startswith("["):
        return [tuple(paths)]
    starts = [f"({index})" for index in range(len(documents))]
    return [tuple(path.removeprefix(start) for path in paths if path.startswith(start)) for start in starts]


def _is_json(file: str, text: str) -> bool:
    return not file.endswith((".yaml", ".yml")) and re.match(r"\s*[\[{]", text) is not None


def _text(file: str, name: str) -> str:
    """The decoded content; UTF-8, or UTF-16 or UTF-32 as detected from the first bytes."""
    try:
        data = _content(file)
        if len(data) > _LARGEST:
            raise CommandError(f"{name} is larger than {_LARGEST >> 20} MiB", code=2)
        return data.decode(json.detect_encoding(data)).removeprefix("\ufeff")
    except OSError as error:
        raise CommandError(f"cannot read {name}: {error.strerror or error}", code=2) from error
    except ValueError as error:
        raise CommandError(f"cannot read {name}: it is not UTF-8 text: {error}", code=2) from error


def _content(file: str) -> bytes:
    """The beginning of a file, with at least one byte too many if it is too large: it may have no end."""
    if file == "-":
        return sys.stdin.buffer.read(_LARGEST + 1)
    with Path(file).open("rb") as opened:
        return opened.read(_LARGEST + 1)


def _json(text: str, name: str) -> list[Any]:
    _require_shallow_text(text, name)
    try:
        document = json.loads(text, parse_constant=_no_json)
    except ValueError as error:
        raise CommandError(f"{name} is not JSON: {error}", code=2) from error
    return document if isinstance(document, list) else [document]


def _no_json(constant: str) -> None:
    raise ValueError(f"{constant} is not a number in JSON")


def _yaml(text: str, name: str, variables: Variables) -> list[Any]:
    try:
        roots_of(text)  # checks the size before aliases are expanded
        return [document for document in _Loader(text, variables).documents() if document is not None]
    except yaml.YAMLError as error:
        raise CommandError(f"{name} is not YAML: {error}", code=2) from error
    except TooMuchError as error:
        raise CommandError(f"{name} cannot be read: {error}", code=2) from error
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:  # it does not fit its tag
        raise CommandError(f"{name} contains values that JSON cannot represent: {error}", code=2) from error


def _require_json(documents: list[Any], name: str) -> None:
    """Raise CommandError if the documents cannot be sent as JSON."""
    try:
        json.dumps(documents, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise CommandError(f"{name} contains values that JSON cannot represent: {error}", code=2) from error


def _require_shallow_text(text: str, name: str) -> None:
    """Raise CommandError if the brackets in a JSON text are nested too deep."""
    depth = 0
    for found in _BRACKET.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0)
        if depth > DEEPEST:
            line = text.count("\n", 0, found.start()) + 1
            raise CommandError(f"{name} cannot be read: line {line} is nested more than {DEEPEST} levels deep", code=2)
