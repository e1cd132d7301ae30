"""Shapes briefly say what is wrong and where, and never raise."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.model.shapes import amount, every, flag, identifier, members, number, of_kind, shown, text, whole

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("x" * 130_000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_KINDS = of_kind("type", {"A": members({"a": amount}), "B": members({}, {"b": every(flag)})})


@given(ANY)
def test_no_value_makes_a_shape_raise_or_say_much(value: object) -> None:
    for shape in (text, number, amount, whole, flag, identifier, every(text), members({"a": text}), _KINDS):
        assert len(shape(value) or "") < 200
    assert len(shown(value)) < 200
    assert shown(value).isprintable()


def test_what_is_nested_deeply_is_shown() -> None:
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    assert shown(deep) == "a list"


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"type": "A", "a": 1.5}, None),
        ({"type": "B", "b": [True, 1]}, ".b[1] is 1, not a boolean"),
        ({"type": "A", "a": -1}, ".a is -1, which is negative"),
        ({"type": "A", "a": 10**400}, ".a is a number that is too large, not a number"),
        ({"type": "A", "a": float("inf")}, ".a is inf, not a number"),
        ({"type": "A", "a": True}, ".a is True, not a number"),
        ({"type": "A"}, " lacks 'a'"),
        ({"type": "C"}, ".type is 'C', not one of A, B"),
        ({"type": ["A"]}, ".type is a list, not one of A, B"),
        ([], ".type is None, not one of A, B"),
    ],
)
def test_the_place_of_what_is_wrong_is_told(value: object, complaint: str | None) -> None:
    assert _KINDS(value) == complaint


@pytest.mark.parametrize("value", [0, -5, 2**64 - 1, "18446744073709551615"])
def test_integers_of_64_bits_are_whole(value: object) -> None:
    assert whole(value) is None


@pytest.mark.parametrize("value", [1.0, True, 2**64, "1" * 30, "-1", "\u0661", "", None, json.loads("1" + "0" * 400)])
def test_others_are_not(value: object) -> None:
    assert whole(value) is not None
