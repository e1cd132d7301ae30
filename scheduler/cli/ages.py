"""How long ago a time was, in a few characters."""

from datetime import datetime

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def age(timestamp: str, now: float) -> str:
    """E.g. ``45s``, ``5m12s``, ``12d``; the timestamp itself if it is none. ``now``: seconds since the epoch."""
    try:
        then = datetime.fromisoformat(timestamp).timestamp()
    except (ValueError, OverflowError, OSError):
        return timestamp
    return duration(now - then)


def duration(seconds: float) -> str:
    """The two largest units, as far as the second one matters; less than nothing is nothing."""
    whole = max(0, int(seconds))
    if whole < 2 * _MINUTE:
        return f"{whole}s"
    if whole < 10 * _MINUTE:
        return _two(whole, _MINUTE, "m", 1, "s")
    if whole < 2 * _HOUR:
        return f"{whole // _MINUTE}m"
    if whole < 10 * _HOUR:
        return _two(whole, _HOUR, "h", _MINUTE, "m")
    if whole < 2 * _DAY:
        return f"{whole // _HOUR}h"
    if whole < 10 * _DAY:
        return _two(whole, _DAY, "d", _HOUR, "h")
    return f"{whole // _DAY}d"


def _two(seconds: int, unit: int, name: str, part: int, part_name: str) -> str:
    rest = seconds % unit // part
    return f"{seconds // unit}{name}{rest}{part_name}" if rest else f"{seconds // unit}{name}"
