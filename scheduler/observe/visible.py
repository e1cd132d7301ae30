"""Makes text from outside safe to show: it cannot move the cursor, change the terminal, or hide or reorder text.

Such characters are shown as Python's escapes, e.g. ``\\x1b`` and ``\\u202e``.
"""

import json
import re
import unicodedata

# Letters and marks that are invisible although they count as printable.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")
_SUPPLEMENTARY_SELECTORS = range(0xE0100, 0xE01F0)
_DELETE = "\x7f"  # JSON escapes it not even in ASCII
_COLOUR = re.compile(r"(\x1b\[[0-9;:]*m)")
_COLOURS_OFF = "\x1b[0m"
_HIDES = re.compile(r"(?:^|[\[;])0*8(?=[;m])")
_COLOUR_BY_NUMBER = re.compile(r"[345]8[;:](?:5[;:]\d*|2(?:[;:]\d*)*)")


def visible(text: str, *, lines: bool = False) -> str:
    """The text with every invisible character escaped; ``lines``: except line feeds and tabs."""
    if text.isascii() and text.isprintable():
        return text
    kept = "\n\t" if lines else ""
    return "".join(each if each in kept or _is_seen(each) else _escaped(each) for each in text)


def visible_json(text: str) -> str:
    """A JSON text with every invisible character in its strings escaped as JSON does it."""
    if text.isascii() and _DELETE not in text:
        return text
    return "".join(each if _is_seen(each) else json.dumps(each)[1:-1] for each in text).replace(_DELETE, "\\u007f")


def visible_with_colours(text: str) -> str:
    """A line with its colours, which end with it; otherwise like ``visible``, except that tabs are kept."""
    pieces = _COLOUR.split(text)
    shown = "".join(piece if at % 2 and not _hides(piece) else _line(piece) for at, piece in enumerate(pieces))
    return shown + _COLOURS_OFF if len(pieces) > 1 else shown


def without_colours(text: str) -> str:
    """The text without colours."""
    return _COLOUR.sub("", text)


def clipped(text: str, most: int) -> str:
    """The text or, if it has more than this many characters, its beginning and its length."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


def _hides(colour: str) -> bool:
    """Whether a colour makes the terminal conceal the text after it."""
    return _HIDES.search(_COLOUR_BY_NUMBER.sub("", colour)) is not None


def _line(text: str) -> str:
    return "\t".join(visible(piece) for piece in text.split("\t"))


def _is_seen(character: str) -> bool:
    if character in _INVISIBLE or ord(character) in _SUPPLEMENTARY_SELECTORS:
        return False
    return character.isprintable() or unicodedata.category(character) == "Zs"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
