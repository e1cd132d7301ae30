"""Keys that are pressed, one at a time, without waiting for Enter."""

import contextlib
import os
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator

_NAMES = {
    "\x1b[A": "up",
    "\x1bOA": "up",
    "\x1b[B": "down",
    "\x1bOB": "down",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
    "\r": "enter",
    "\n": "enter",
    "\x1b": "escape",
    "\x7f": "backspace",
    "\x08": "backspace",
}
_MOST = 64  # bytes read at once

Keys = Callable[[float], list[str]]


@contextlib.contextmanager
def reading() -> Iterator[Keys]:
    """A function that returns the keys pressed within these seconds: as soon as there are some, or none.

    Letters are themselves, others have names; what has no name is left out. At the end of stdin it raises EOFError.
    """
    stdin = sys.stdin.fileno()
    before = termios.tcgetattr(stdin)
    tty.setcbreak(stdin)
    try:
        yield lambda seconds: _pressed(stdin, seconds)
    finally:
        termios.tcsetattr(stdin, termios.TCSADRAIN, before)


def _pressed(stdin: int, seconds: float) -> list[str]:
    if not select.select([stdin], [], [], seconds)[0]:
        return []
    typed = os.read(stdin, _MOST)
    if not typed:
        raise EOFError
    text = typed.decode(errors="ignore")
    if text.startswith("\x1b"):
        return [_NAMES[text]] if text in _NAMES else []
    named = (_NAMES.get(each, each) for each in text)
    return [each for each in named if len(each) > 1 or each.isprintable()]
