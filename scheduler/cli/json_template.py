"""kubectl's JSONPath templates, for ``-o jsonpath=TEMPLATE``.

Outside braces a template is text; ``{PATH}`` is replaced by the values found, ``{"\\n"}`` by the string, and what is
between ``{range PATH}`` and ``{end}`` is repeated for each value of the path. A path begins with ``.``, ``[``, ``@``
(the current value) or ``$`` (the whole answer).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scheduler.cli.errors import CommandError

if TYPE_CHECKING:
    from jsonpath import CompoundJSONPath, JSONPath

# A quoted string may contain braces.
_PART = re.compile(r"""\{((?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^{}"'])*)\}|([^{}]+)|(.)""", re.DOTALL)
_RANGE = re.compile(r"range\s+(.*)", re.DOTALL)
_LONGEST = 10_000  # characters
_DEEPEST = 10  # ranges in ranges


class TemplateError(ValueError):
    """It is no template; the message says where."""


@dataclass(frozen=True, slots=True)
class _Path:
    """``is_whole``: it begins at the whole answer."""

    path: "JSONPath | CompoundJSONPath"
    is_whole: bool

    def values(self, current: Any, whole: Any) -> list[Any]:
        return self.path.findall(whole if self.is_whole else current)


@dataclass(frozen=True, slots=True)
class _Range:
    path: _Path
    body: "tuple[_Part, ...]"


_Part = str | _Path | _Range


@dataclass(frozen=True, slots=True)
class JsonTemplate:
    """A template that can be filled."""

    parts: tuple[_Part, ...]

    def filled(self, value: Any) -> str:
        """The text for an answer; paths that find nothing are left out. Raises CommandError."""
        from jsonpath import JSONPathError

        try:
            return "".join(_texts(self.parts, value, value))
        except (JSONPathError, RecursionError) as error:
            raise CommandError(f"the JSONPath cannot be evaluated: {_first_line(error)}", code=2) from error


def template(text: str) -> JsonTemplate:
    """Read a template; a path alone needs no braces. Raises TemplateError."""
    if len(text) > _LONGEST:
        raise TemplateError(f"the template is longer than {_LONGEST:,} characters")
    if not text.strip():
        raise TemplateError("the template is empty; for example {.id}")
    parts = _tokens(f"{{{text}}}" if text[0] in ".[$@" and not {"{", "}"} & set(text) else text)
    return JsonTemplate(tuple(_read(parts, depth=0)))


def _tokens(text: str) -> Iterator[tuple[bool, str]]:
    """Texts, and the contents of braces (True)."""
    for found in _PART.finditer(text):
        inside, outside, stray = found.groups()
        if stray is not None:
            raise TemplateError(f"{stray!r} at character {found.start() + 1} has no counterpart")
        yield (False, outside) if inside is None else (True, inside.strip())


def _read(tokens: Iterator[tuple[bool, str]], depth: int) -> Iterator[_Part]:
    """The parts up to ``{end}`` or, at depth 0, to the end."""
    for is_action, text in tokens:
        if not is_action:
            yield text
        elif text == "end":
            if depth == 0:
                raise TemplateError("{end} without {range}")
            return
        elif (ranged := _RANGE.fullmatch(text)) is not None:
            if depth == _DEEPEST:
                raise TemplateError(f"ranges are nested more than {_DEEPEST} levels deep")
            yield _Range(_path(ranged[1]), tuple(_read(tokens, depth + 1)))
        else:
            yield _string(text) if text[:1] in ("'", '"') else _path(text)
    if depth:
        raise TemplateError("{range} without {end}")


def _string(text: str) -> str:
    """A quoted string, with JSON's escapes."""
    inner = text[1:-1].replace('"', '\\"') if text[0] == "'" else text[1:-1]
    try:
        return str(json.loads(f'"{inner}"'))
    except ValueError:
        raise TemplateError(f"{{{text}}} is not a string") from None


def _path(text: str) -> _Path:
    import jsonpath

    if text[:1] not in (".", "[", "$", "@"):
        raise TemplateError(f"{{{text}}} is not a path: it must begin with '.', '[', '@' or '$', like {{.id}}")
    is_whole = text[0] == "$"
    rest = text[1:] if text[0] in "$@" else text
    rest = rest[1:] if rest == "." or rest.startswith(".[") else rest
    try:
        return _Path(jsonpath.compile(f"${rest}"), is_whole)
    except (jsonpath.JSONPathError, RecursionError) as error:
        hint = "; write a key with a dot as ['a.b']" if "\\." in text else ""
        raise TemplateError(f"{{{text}}} is not a JSONPath: {_first_line(error)}{hint}") from error


def _texts(parts: tuple[_Part, ...], current: Any, whole: Any) -> Iterator[str]:
    for part in parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, _Path):
            yield " ".join(map(_text, part.values(current, whole)))
        else:
            for each in part.path.values(current, whole):
                yield from _texts(part.body, each, whole)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].strip()
