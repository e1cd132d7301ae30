"""Times as strings."""

import pytest

from scheduler.model.times import later, timestamp


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_700_000_000.0019, "2023-11-14T22:13:20.001Z"),
        (-1, "1969-12-31T23:59:59.000Z"),
        (1e13, "9999-12-31T00:00:00.000Z"),
        (1e300, "9999-12-31T00:00:00.000Z"),
        (-1e300, "0001-01-02T00:00:00.000Z"),
    ],
)
def test_every_time_has_a_string(seconds: float, text: str) -> None:
    """One that nobody can write down, as a damaged record or a forged message has it, does not break a list."""
    assert timestamp(seconds) == text
    assert later(text) > text
