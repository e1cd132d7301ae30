"""The regular expressions of users, in constraints on agents and on disks.

They are matched by RE2, in time proportional to the text: with a backtracking engine, one short expression can stop the
scheduler for good. Its syntax is nearly Java's, which Marathon uses; whatever it lacks is refused by name. Expressions
of older definitions that are refused today match nothing, and keep nothing from starting.
"""

import re
from functools import lru_cache
from typing import Any

import re2

LONGEST = 4096  # characters
# Instructions of the compiled program, some for each character. Matching takes up to 10 ns for each of them and each
# character of the text.
LARGEST = 6000
_LONGEST_TEXT = 1024  # characters; hostnames have up to 255
_MEMORY = 2**20  # bytes for each expression
_MISSING = {
    "(?=": "look-ahead",
    "(?!": "look-ahead",
    "(?<=": "look-behind",
    "(?<!": "look-behind",
    "(?>": "an atomic group",
}

_UNCLEAR = {
    "[": "a character class inside of another",
    "&&": "an intersection && of character classes",
}
_LITERAL = r"\\Q.*?(?:\\E|\Z)|\\."
_OUTSIDE = re.compile(
    _LITERAL + r"|\[\^?\]?|\{,|\{\d{5}", re.DOTALL
)  # a bracket that comes first in a class does not end it
_IN_CLASS = re.compile(_LITERAL + r"|\[:\^?\w+:\]|\[|\]|&&", re.DOTALL)


class PatternError(ValueError):
    """A string is not a regular expression that podexec matches; it says why."""


def size(pattern: str) -> int:
    """How much work matching it is, to be compared with ``LARGEST``. Raises PatternError."""
    found: int = _compiled(pattern).programsize
    return found


@lru_cache(maxsize=2**16)
def matches(pattern: str, text: str) -> bool | None:
    """Whether the pattern matches the whole string; None: podexec does not match it, or the string is too long."""
    try:
        if len(text) > _LONGEST_TEXT or size(pattern) > LARGEST:
            return None
        return _compiled(pattern).fullmatch(text) is not None
    except (PatternError, UnicodeEncodeError):
        return None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    if len(pattern) > LONGEST:
        raise PatternError(f"has {len(pattern)} characters, but a regular expression has at most {LONGEST}")
    unclear = _read_differently(pattern)
    if unclear is not None:
        raise PatternError(f"{pattern!r} uses {unclear}, which podexec does not support")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise PatternError(_fault(pattern, error.args[0].decode(errors="replace"))) from error
    except UnicodeEncodeError as error:
        raise PatternError(f"{pattern!r} is not valid Unicode") from error


def _fault(pattern: str, complaint: str) -> str:
    """RE2's complaint, which ends with the place, in terms of what is missing."""
    what, _, place = complaint.partition(": ")
    match what:
        case "invalid perl operator":
            lacks = _MISSING.get(place, f"the group {place}")
        case "invalid escape sequence" if place[1:].isdecimal() or place == "\\k":
            lacks = f"the back-reference {place}"
        case "invalid escape sequence":
            lacks = f"the escape {place}"
        case "invalid character class range" if place.startswith(("\\p", "\\P")):
            lacks = f"the character class {place}"
        case "bad repetition operator" if place.endswith("+"):
            lacks = f"the possessive quantifier {place}"
        case "invalid repetition size":
            lacks = f"a repetition of more than 1000 times: {place}"
        case "pattern too large - compile failed":
            return f"{pattern!r} is too large, with all its repetitions"
        case _:
            return f"{pattern!r} is not a regular expression: {complaint}"
    return f"{pattern!r} uses {lacks}, which podexec does not support"


def _read_differently(pattern: str) -> str | None:
    """What Java's regular expressions have, and RE2 would silently read as something else."""
    in_class = False
    place = 0
    while found := (_IN_CLASS if in_class else _OUTSIDE).search(pattern, place):
        token, place = found[0], found.end()
        if token.startswith("{"):
            return "a repetition {,N}" if token == "{," else "a repetition of more than 1000 times"
        if in_class and token in _UNCLEAR:
            return _UNCLEAR[token]
        in_class = token != "]" if in_class else token.startswith("[")
    return None
