"""Any input is either a definition that can be rendered and read again, or has problems; it never raises."""

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.model.definition import PodDefinition, render
from scheduler.model.normalisation import normalise
from scheduler.model.problems import Problems
from scheduler.model.validation import parse
from tests.model.definitions import FULL, SITE

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def places_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every member."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, member in members for found in [(*path, key), *places_in(member, (*path, key))]]


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """A definition with a few members replaced by junk, or by members of other places, or taken away."""
    definition = copy.deepcopy(FULL)
    for _ in range(draw(st.integers(1, 3))):
        *steps, last = draw(st.sampled_from(places_in(definition)))
        holder: Any = definition
        for step in steps:
            holder = holder[step]
        if draw(st.booleans()):
            holder[last] = draw(JUNK)
        elif isinstance(holder, dict):
            del holder[last]
        else:
            holder.append(copy.deepcopy(holder[last]))
        if not definition:
            break
    return definition


def check(document: Any) -> None:
    """The property."""
    parsed = parse(json.dumps(document).encode(), SITE)
    if isinstance(parsed, Problems):
        assert parsed.items
        assert all(problem.path.startswith("/") and problem.error for problem in parsed.items)
        return
    assert isinstance(parsed, PodDefinition)
    stored = normalise(parsed, SITE)
    assert normalise(stored, SITE) == stored
    assert parse(json.dumps(render(stored)).encode(), SITE) == stored


@settings(max_examples=300)
@given(damaged())
def test_a_damaged_definition(document: Any) -> None:
    check(document)


@settings(max_examples=100)
@given(JUNK)
def test_junk(document: Any) -> None:
    check(document)
