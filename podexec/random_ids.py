"""Random ids, without the module ``uuid``, which imports ``platform``: a twentieth of the executor's start."""

from __future__ import annotations

import os


def suffix() -> str:
    """Eight hexadecimal digits, which make a name unique within an executor."""
    return os.urandom(4).hex()


def uuid() -> bytes:
    """A random UUID (RFC 9562, version 4)."""
    drawn = bytearray(os.urandom(16))
    drawn[6] = drawn[6] & 0x0F | 0x40
    drawn[8] = drawn[8] & 0x3F | 0x80
    return bytes(drawn)
