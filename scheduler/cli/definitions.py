"""Pod definitions in files: JSON or YAML, one or several in a file, ``-`` for standard input; and their lines.

Whoever only wants the documents calls ``read``; ``read_located`` knows the line of every member too.
"""

import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from scheduler.cli.errors import CommandError
from scheduler.cli.lines import lines_of, nearest


class _Loader(yaml.SafeLoader):
    """Dates stay the text they are in JSON."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True)
class Located:
    """A decoded document, and the lines of its members by their paths; none where they are not known."""

    document: Any
    lines: dict[str, int] = field(default_factory=dict)

    def line(self, path: str) -> int | None:
        """The line of a member, or of what should hold it."""
        return nearest(self.lines, path)


def read(file: str) -> list[Any]:
    """Every definition in a file, as it will be sent; the scheduler judges what it says."""
    return _documents(file, _text(file))


def read_located(file: str) -> list[Located]:
    """Every definition in a file with its lines."""
    text = _text(file)
    documents = _documents(file, text)
    places = lines_of(text, flat=_is_json(file, text))
    if len(places) != len(documents):
        places = [{} for _ in documents]
    return [Located(document, lines) for document, lines in zip(documents, places, strict=True)]


def _documents(file: str, text: str) -> list[Any]:
    name = "standard input" if file == "-" else file
    documents = _json(text, name) if _is_json(file, text) else _yaml(text, name)
    if not documents:
        raise CommandError(f"{name} holds no pod definition", code=2)
    return documents


def _is_json(file: str, text: str) -> bool:
    return not file.endswith((".yaml", ".yml")) and re.match(r"\s*[\[{]", text) is not None


def _text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read {file}: {error}", code=2) from error


def _json(text: str, name: str) -> list[Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{name} is not JSON: {error}", code=2) from error
    return document if isinstance(document, list) else [document]


def _yaml(text: str, name: str) -> list[Any]:
    try:
        documents = [document for document in yaml.load_all(text, _Loader) if document is not None]
        json.dumps(documents, allow_nan=False)
    except yaml.YAMLError as error:
        raise CommandError(f"{name} is not YAML: {error}", code=2) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise CommandError(f"{name} says what JSON cannot say: {error}", code=2) from error
    return documents
