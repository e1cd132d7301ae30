"""The result of a check."""

from typing import NamedTuple

OK, WARNING, FAILED = "ok", "warning", "failed"
MOST_NAMED = 5  # pods, agents, roles


class Finding(NamedTuple):
    """The result of one check.

    Attributes:
        check: what was looked at, in a word or two.
        result: OK, WARNING or FAILED.
        advice: what to do; empty: nothing.
    """

    check: str
    result: str
    message: str
    advice: str = ""
