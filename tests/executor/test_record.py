"""Records behave like frozen dataclasses with slots, at a lower cost."""

from __future__ import annotations

import pytest

from podexec.record import fields, record, replace


@record
class Point:
    x: int
    y: int = 0

    @property
    def sum(self) -> int:
        return self.x + self.y


@record
class Positive:
    value: int

    def __post_init__(self) -> None:
        if self.value <= 0:
            raise ValueError(self.value)


def test_values_are_given_by_place_and_by_name() -> None:
    assert fields(Point(1)) == {"x": 1, "y": 0}
    assert Point(1, 2) == Point(y=2, x=1)
    assert Point(1, 2).sum == 3


@pytest.mark.parametrize(
    ("values", "named", "complaint"),
    [
        ((), {}, "missing its x"),
        ((1, 2, 3), {}, "has 2 fields"),
        ((1,), {"z": 1}, "no field for z"),
        ((1,), {"x": 1}, "given twice"),
    ],
)
def test_values_that_do_not_fit_are_refused(values: tuple[int, ...], named: dict[str, int], complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        Point(*values, **named)


def test_nothing_changes() -> None:
    point = Point(1)
    with pytest.raises(AttributeError):
        point.x = 2
    with pytest.raises(AttributeError):
        del point.x
    with pytest.raises(AttributeError):
        point.z = 2  # type: ignore[attr-defined]
    assert replace(point, y=5) == Point(1, 5)
    with pytest.raises(TypeError, match="no field for z"):
        replace(point, z=1)


def test_equality_is_of_the_same_kind_and_the_same_values() -> None:
    assert Point(1) != Point(2)
    assert Point(1) != Positive(1)
    assert len({Point(1), Point(1), Point(2)}) == 2
    assert repr(Point(1)) == "Point(x=1, y=0)"


def test_it_is_matched_by_its_fields() -> None:
    match Point(1, 2):
        case Point(x, y):
            assert (x, y) == (1, 2)


def test_it_may_look_at_itself() -> None:
    with pytest.raises(ValueError, match="0"):
        Positive(0)
