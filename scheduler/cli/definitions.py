"""Pod definitions in files: JSON or YAML, one or several in a file, ``-`` for standard input."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from scheduler.cli.errors import CommandError


class _Loader(yaml.SafeLoader):
    """Dates stay the text they are in JSON."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(file: str) -> list[Any]:
    """Every definition in a file, as it will be sent; the scheduler judges what it says."""
    name = "standard input" if file == "-" else file
    text = _text(file)
    documents = _json(text, name) if re.match(r"\s*[\[{]", text) and not file.endswith((".yaml", ".yml")) else None
    if documents is None:
        documents = _yaml(text, name)
    if not documents:
        raise CommandError(f"{name} holds no pod definition", code=2)
    return documents


def _text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read {file}: {error}", code=2) from error


def _json(text: str, name: str) -> list[Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise CommandError(f"{name} is not JSON: {error}", code=2) from error
    return document if isinstance(document, list) else [document]


def _yaml(text: str, name: str) -> list[Any]:
    try:
        documents = [document for document in yaml.load_all(text, _Loader) if document is not None]
        json.dumps(documents, allow_nan=False)
    except yaml.YAMLError as error:
        raise CommandError(f"{name} is not YAML: {error}", code=2) from error
    except (TypeError, ValueError) as error:
        raise CommandError(f"{name} says what JSON cannot say: {error}", code=2) from error
    return documents
