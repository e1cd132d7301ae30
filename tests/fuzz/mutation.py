"""Changes values and bytes at random."""

import contextlib
import copy
import json
from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Any

from tests.fuzz.odd_values import HUGE, NESTED, NUMBERS, OTHERS, TEXTS, Raw

LARGEST = 500_000  # characters of JSON


class Pairs(list[tuple[str, Any]]):
    """An object whose keys may repeat."""


class TooLargeError(Exception):
    """A value is not worth writing."""


def written(value: Any) -> str:
    """JSON, with ``Raw`` and ``Pairs`` in it, of any depth. Raises TooLargeError."""
    pieces: list[str] = []
    size = 0
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Raw):
            pieces.append(str(each))
        elif isinstance(each, dict | Pairs):
            pairs = list(each.items()) if isinstance(each, dict) else each
            members = [(Raw(f"{json.dumps(key)}:"), member) for key, member in pairs]
            waiting += reversed(_enclosed("{", members, "}"))
        elif isinstance(each, list):
            waiting += reversed(_enclosed("[", [(member,) for member in each], "]"))
        else:
            pieces.append(json.dumps(each))
        size += len(pieces[-1]) if pieces else 0
        if size > LARGEST:
            raise TooLargeError
    return "".join(pieces)


def _enclosed(start: str, members: list[Any], end: str) -> list[Any]:
    listed = [part for member in members for part in (Raw(","), *member)][1:]
    return [Raw(start), *listed, Raw(end)]


def junk(random: Random) -> Any:
    """A value that is probably of the wrong type, or of the right one and unusual."""
    return copy.deepcopy(random.choice(random.choice((NUMBERS, TEXTS, TEXTS, OTHERS, NESTED))))


def mutated(random: Random, value: Any, changes: int) -> Any:
    """A copy of JSON with this many changes, each at any place."""
    holder = {"": copy.deepcopy(value)}
    for _ in range(changes):
        places = _places(holder)
        inner, key = random.choice(places)
        random.choice(_CHANGES)(random, places, inner, key)
        if "" not in holder:
            holder[""] = None
    return holder[""]


def mutated_json(random: Random, value: Any, most: int = 4) -> bytes:
    """JSON with some changes, sometimes in its text."""
    text = mutated_text(random, value, random.randint(1, most))
    data = text.encode(errors="surrogatepass")
    return mutated_bytes(random, data) if random.random() < 0.1 else data


def mutated_text(random: Random, value: Any, changes: int) -> str:
    """JSON with this many changes, or fewer if it would become too large."""
    for number in range(changes, -1, -1):
        with contextlib.suppress(TooLargeError):
            return written(mutated(random, value, number))
    return "null"


def mutated_bytes(random: Random, data: bytes, most: int = 4) -> bytes:
    """Bytes with some changes."""
    content = bytearray(data)
    for _ in range(random.randint(1, most)):
        random.choice(_EDITS)(random, content)
    return bytes(content)


def pieces(random: Random, data: bytes) -> list[bytes]:
    """The bytes in pieces of any size."""
    cuts = sorted({0, len(data), *(random.randrange(len(data) + 1) for _ in range(random.choice((0, 1, 3, 20))))})
    return [data[start:end] for start, end in pairwise(cuts)]


_MOST_PLACES = 20_000


def _places(value: Any) -> list[tuple[Any, Any]]:
    """The lists and objects in it, with each of their keys."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting and len(found) < _MOST_PLACES:
        each = waiting.pop()
        keys = list(each) if isinstance(each, dict) else range(len(each)) if type(each) is list else ()
        for key in keys:
            found.append((each, key))
            waiting.append(each[key])
    return found


_Place = list[tuple[Any, Any]]


def _replace(random: Random, _: _Place, inner: Any, key: Any) -> None:
    inner[key] = junk(random)


def _remove(_random: Random, _: _Place, inner: Any, key: Any) -> None:
    del inner[key]


def _swap(random: Random, places: _Place, inner: Any, key: Any) -> None:
    """The value of another place, perhaps of this one's own inside."""
    other, its = random.choice(places)
    inner[key] = copy.deepcopy(other[its])


def _wrap(random: Random, _: _Place, inner: Any, key: Any) -> None:
    inner[key] = random.choice(([inner[key]], {"value": inner[key]}, [inner[key], inner[key]]))


def _repeat(random: Random, _: _Place, inner: Any, key: Any) -> None:
    """Many of the same."""
    found = inner[key]
    if isinstance(found, list) and type(found) is list:
        inner[key] = (found or [{}]) * random.choice((2, 30, 1000, 10_000 // (len(found) or 1)))
    elif isinstance(found, dict):
        number = random.choice((10, 1000))
        inner[key] = found | {
            f"{random.choice(list(found) or ['k'])}{n}": each for n in range(number) for each in ({},)
        }
    elif isinstance(found, str) and not isinstance(found, Raw):
        inner[key] = found * random.choice((2, 100, HUGE // (len(found) or 1)))
    elif isinstance(found, int | float):
        inner[key] = found * random.choice((-1, 0, 1000, 10**12))


def _rename(random: Random, _: _Place, inner: Any, key: Any) -> None:
    if isinstance(inner, dict):
        name = str(random.choice([each for each in TEXTS if not isinstance(each, Raw)]))
        inner[random.choice((name, key.upper(), f"{key} ", f"{key}{name}"))] = inner.pop(key)


def _key_twice(random: Random, _: _Place, inner: Any, key: Any) -> None:
    """The object at this place gets one of its keys again, with another value."""
    found = inner[key]
    if isinstance(found, dict) and found:
        pair = (random.choice(list(found)), junk(random))
        inner[key] = Pairs([*found.items(), *[pair] * random.choice((1, 1, 3000))])


def _edit_text(random: Random, _: _Place, inner: Any, key: Any) -> None:
    found = inner[key]
    if isinstance(found, str) and not isinstance(found, Raw):
        at = random.randint(0, len(found))
        inner[key] = found[:at] + random.choice([each for each in TEXTS if not isinstance(each, Raw)]) + found[at:]
    else:
        _replace(random, _, inner, key)


_CHANGES: tuple[Callable[[Random, _Place, Any, Any], None], ...] = (
    *(_replace, _replace, _replace, _remove, _swap, _swap, _wrap, _repeat, _rename, _key_twice, _edit_text, _edit_text),
)


def _flip(random: Random, content: bytearray) -> None:
    if content:
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)


def _set(random: Random, content: bytearray) -> None:
    if content:
        content[random.randrange(len(content))] = random.choice(
            b'\0\xff\n\r 09-{["\\:/' + bytes([random.randrange(256)])
        )


def _cut(random: Random, content: bytearray) -> None:
    start = random.randint(0, len(content))
    del content[start : start + random.choice((1, 2, 100, len(content)))]


def _insert(random: Random, content: bytearray) -> None:
    at = random.randint(0, len(content))
    content[at:at] = random.choice(
        (b"\0", b"\xff\xfe", b"0", b"9" * 30, b"\n", b"\r\n", random.randbytes(20), b"A" * HUGE)
    )


def _double(random: Random, content: bytearray) -> None:
    start = random.randint(0, len(content))
    part = content[start : start + random.choice((1, 10, 512, len(content)))]
    content[start:start] = part * random.choice((1, 2, 50 if len(part) < HUGE // 50 else 1))


_EDITS: tuple[Callable[[Random, bytearray], None], ...] = (_flip, _flip, _set, _set, _cut, _insert, _double)
