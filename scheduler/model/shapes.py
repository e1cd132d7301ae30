"""Checks that JSON from outside has the expected shape before anything reads it.

A shape is a function that returns what is wrong with a value, and where, or None. Values from outside are repeated only
shortened and without control characters.
"""

from collections.abc import Callable, Mapping

Shape = Callable[[object], str | None]

LONGEST_ID = 1024
_SHOWN = 60
LARGEST = 2**64  # a number is smaller


def shown(value: object) -> str:
    """A value as shown to people: short, on one line, without control characters. Never raises."""
    if isinstance(value, str):
        return repr(value[:_SHOWN]) + ("…" if len(value) > _SHOWN else "")
    if isinstance(value, bytes | bytearray | memoryview):
        return shown(bytes(value[: 4 * _SHOWN]).decode(errors="replace"))
    if isinstance(value, dict):
        return "an object" if value else "{}"
    if isinstance(value, list | tuple):
        return "a list" if value else "[]"
    if isinstance(value, int) and abs(value) >= LARGEST:
        return "a number that is too large"
    return repr(value)[:_SHOWN]


def text(value: object) -> str | None:
    """A string."""
    return None if type(value) is str else f" is {shown(value)}, not a string"


def name(value: object) -> str | None:
    """A string that is not long."""
    complaint = text(value)
    if complaint is None and len(value) > LONGEST_ID:  # type: ignore[arg-type] # it is a string
        return f" is {shown(value)}, which is too long"
    return complaint


def number(value: object) -> str | None:
    """A finite number below 2**64."""
    if (type(value) is float or type(value) is int) and abs(value) < LARGEST:  # not a number: False, too
        return None
    return f" is {shown(value)}, not a number"


def amount(value: object) -> str | None:
    """A number that is not negative."""
    complaint = number(value)
    if complaint is None and value < 0:  # type: ignore[operator] # it is a number
        return f" is {shown(value)}, which is negative"
    return complaint


def whole(value: object) -> str | None:
    """An integer of at most 64 bits, or a string of its digits, as protobuf's JSON writes 64-bit integers."""
    if type(value) is int and abs(value) < LARGEST:
        return None
    if type(value) is str and len(value) <= len(str(LARGEST)) and value.isascii() and value.isdecimal():
        return None
    return f" is {shown(value)}, not an integer"


def flag(value: object) -> str | None:
    """A boolean."""
    return None if type(value) is bool else f" is {shown(value)}, not a boolean"


def members(needed: Mapping[str, Shape], others: Mapping[str, Shape] | None = None) -> Shape:
    """An object with the ``needed`` members, and perhaps the ``others``; any further members are ignored."""
    wanted, optional = tuple(needed.items()), tuple((others or {}).items())

    def look(value: object) -> str | None:
        if type(value) is not dict:
            return f" is {shown(value)}, not an object"
        for name, shape in wanted:
            if name not in value:
                return f" lacks {name!r}"
            complaint = shape(value[name])
            if complaint is not None:
                return f".{name}{complaint}"
        for name, shape in optional:
            if name in value:
                complaint = shape(value[name])
                if complaint is not None:
                    return f".{name}{complaint}"
        return None

    return look


def every(shape: Shape) -> Shape:
    """A list whose items all have this shape."""

    def look(value: object) -> str | None:
        if type(value) is not list:
            return f" is {shown(value)}, not a list"
        for index, member in enumerate(value):
            complaint = shape(member)
            if complaint is not None:
                return f"[{index}]{complaint}"
        return None

    return look


def of_kind(name: str, shapes: Mapping[str, Shape]) -> Shape:
    """An object whose shape depends on one of its members."""

    def look(value: object) -> str | None:
        kind = value.get(name) if type(value) is dict else None
        shape = shapes.get(kind) if type(kind) is str else None
        if shape is None:
            return f".{name} is {shown(kind)}, not one of {', '.join(shapes)}"
        return shape(value)

    return look


def identifier(value: object) -> str | None:
    """The string in Mesos' wrapper around an id."""
    found = value.get("value") if type(value) is dict else None
    if type(found) is str and 0 < len(found) <= LONGEST_ID:
        return None
    return (
        f" is {shown(value)}, not an object with a value" if found is None else f".value is {shown(found)}, not an id"
    )
