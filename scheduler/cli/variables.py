"""``--var NAME=VALUE``: what ``${NAME}`` in a definition's file stands for.

Only named variables are replaced: any other ``${...}`` is for a shell in the container. What is replaced are strings
that have been read, so that a value can add no members to a definition. In YAML, a scalar without quotes is typed
after that: ``instances: ${N}`` is a number, ``"${N}"`` is a string.
"""

import os
import re
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from scheduler.cli.errors import CommandError

Var = Annotated[
    list[str] | None,
    typer.Option(
        "--var",
        metavar="NAME[=VALUE]",
        help="Replace ${NAME} in the definition; without a VALUE by the environment variable NAME. Repeatable.",
    ),
]
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LARGEST = 8 * 1024 * 1024  # characters that are put in place of names


class Variables:
    """The variables of one command, and which of them were used."""

    def __init__(self, words: Iterable[str] | None = None) -> None:
        """``words``: NAME=VALUE, or NAME. Raises CommandError."""
        self._values = dict(map(_value, words or ()))
        self._unused = dict.fromkeys(self._values)
        self._added = 0
        names = "|".join(map(re.escape, self._values))
        self._pattern = re.compile(rf"\$\{{({names})\}}") if names else None

    def fill(self, text: str) -> str:
        """A string with the values in place of the names. Raises CommandError if it becomes too long."""
        return text if self._pattern is None else self._pattern.sub(self._replaced, text)

    def fill_all(self, document: Any) -> Any:
        """A document in JSON, with all strings filled; names of members stay."""
        match document:
            case str():
                return self.fill(document)
            case dict():
                return {key: self.fill_all(value) for key, value in document.items()}
            case list():
                return [self.fill_all(each) for each in document]
            case _:
                return document

    def require_used(self) -> None:
        """Raise CommandError if there is a variable that no definition has: its name may be misspelled."""
        if self._unused:
            names = ", ".join(f"${{{name}}}" for name in self._unused)
            raise CommandError(f"--var: no definition contains {names}", code=2)

    def _replaced(self, found: re.Match[str]) -> str:
        name = found[1]
        self._unused.pop(name, None)
        value = self._values[name]
        self._added += len(value)
        if self._added > _LARGEST:
            raise CommandError(f"--var: the values add more than {_LARGEST >> 20} MiB to the definition", code=2)
        return value


def _value(word: str) -> tuple[str, str]:
    name, given, value = word.partition("=")
    if not _NAME.fullmatch(name):
        raise CommandError(
            f"--var must be NAME=VALUE or NAME, with a NAME of letters, digits and _, not {word!r}", code=2
        )
    if given:
        return name, value
    if name not in os.environ:
        raise CommandError(f"--var {name}: there is no such environment variable; write --var {name}=VALUE", code=2)
    return name, os.environ[name]
