"""Text from outside, as people may be shown it: nothing in it moves a cursor, changes a terminal, reorders or hides.

What would do so is shown as the escape that Python writes for it, e.g. ``\\x1b`` and ``\\u202e``.
"""

import re
import unicodedata

# Letters and marks that show nothing at all, though they count as printable.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")
_SUPPLEMENTARY_SELECTORS = range(0xE0100, 0xE01F0)
_COLOUR = re.compile(r"(\x1b\[[0-9;:]*m)")
_COLOURS_OFF = "\x1b[0m"
_HIDES = re.compile(r"(?:^|[\[;])0*8(?=[;m])")
_COLOUR_BY_NUMBER = re.compile(r"[345]8[;:](?:5[;:]\d*|2(?:[;:]\d*)*)")


def visible(text: str, *, lines: bool = False) -> str:
    """The text with every character that is not plainly seen escaped; ``lines``: but for line feeds and tabs."""
    if text.isascii() and text.isprintable():
        return text
    kept = "\n\t" if lines else ""
    return "".join(each if each in kept or _is_seen(each) else _escaped(each) for each in text)


def visible_with_colours(text: str) -> str:
    """A line with its colours, which end with it; all else as in ``visible``, but for tabs."""
    pieces = _COLOUR.split(text)
    shown = "".join(piece if at % 2 and not _hides(piece) else _line(piece) for at, piece in enumerate(pieces))
    return shown + _COLOURS_OFF if len(pieces) > 1 else shown


def without_colours(text: str) -> str:
    """The text without any."""
    return _COLOUR.sub("", text)


def clipped(text: str, most: int) -> str:
    """Its beginning, and how long it is, where it is longer than so many characters."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


def _hides(colour: str) -> bool:
    """Whether it asks the terminal to conceal what follows."""
    return _HIDES.search(_COLOUR_BY_NUMBER.sub("", colour)) is not None


def _line(text: str) -> str:
    return "\t".join(visible(piece) for piece in text.split("\t"))


def _is_seen(character: str) -> bool:
    if character in _INVISIBLE or ord(character) in _SUPPLEMENTARY_SELECTORS:
        return False
    return character.isprintable() or unicodedata.category(character) == "Zs"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
