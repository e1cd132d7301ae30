"""Matches the regular expressions of users, in constraints on agents and on disks."""

import re
from functools import lru_cache


@lru_cache(maxsize=1024)
def matches(pattern: str, text: str) -> bool:
    """Whether the pattern matches the whole string."""
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
