"""Log lines about things that a stranger can make happen as often as they like."""

EVERY = 60.0  # seconds


class Seldom:
    """Limits a line to one a minute, and counts what it stands for."""

    def __init__(self) -> None:
        self._logged_at = float("-inf")
        self._count = 0

    def count(self, now: float) -> int:
        """Count one more. Returns how many there were since the last line if one is due now; otherwise 0."""
        self._count += 1
        if now - self._logged_at < EVERY:
            return 0
        count, self._count, self._logged_at = self._count, 0, now
        return count
