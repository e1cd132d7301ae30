"""The agent of an offer, and its fields for constraints."""

from typing import Any

import pytest

from scheduler.core.offer import agents
from scheduler.model.json import Json
from scheduler.model.records import Agent
from tests.core.support import offer


def text(name: str, value: str) -> Json:
    """An attribute that is a text."""
    return {"name": name, "type": "TEXT", "text": {"value": value}}


def test_an_offer_without_domain_and_attributes_has_neither() -> None:
    assert agents.of_offer(offer("O1", "A1")) == Agent("A1", "a1.example")


def test_every_kind_of_attribute_is_kept_as_text() -> None:
    attributes = [
        text("rack", "r1"),
        {"name": "cores", "type": "SCALAR", "scalar": {"value": 8.0}},
        {"name": "slots", "type": "RANGES", "ranges": {"range": [{"begin": 7, "end": 9}, {"begin": 1, "end": 2}]}},
        {"name": "features", "type": "SET", "set": {"item": ["ssd", "fast"]}},
    ]

    assert agents.of_offer(offer("O1", "A1", attributes=attributes)).attributes == (
        ("rack", "r1"),
        ("cores", "8"),
        ("slots", "[1-2,7-9]"),
        ("features", "{fast,ssd}"),
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0, "1"),
        (0.0, "0"),
        (-0.0001, "0"),
        (1.0005, "1"),
        (1.1005, "1.101"),
        (1.00051, "1.001"),
        (0.0625, "0.062"),
        (100.0, "100"),
        (2.5, "2.5"),
        (1e9, "1000000000"),
    ],
)
def test_numbers_have_at_most_three_decimals_and_no_trailing_zeros(value: float, expected: str) -> None:
    assert agents.number(value) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hostname", "h"),
        ("@hostname", "h"),
        ("@region", "r"),
        ("@zone", "z"),
        ("rack", "first"),
        ("zone", None),
        ("Rack", None),
    ],
)
def test_fields_of_constraints(name: str, expected: str | None) -> None:
    agent = Agent("A", "h", "r", "z", (("rack", "first"), ("rack", "second")))

    assert agents.field(agent, name) == expected


@pytest.mark.parametrize("name", ["@region", "@zone", "rack"])
def test_what_an_agent_does_not_say_is_no_field(name: str) -> None:
    fields: dict[str, Any] = {}

    assert agents.field(agents.of_offer(offer("O1", "A1", **fields)), name) is None
