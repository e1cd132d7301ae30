"""Definitions that are valid by construction: accepted whole, and stored, shown and read again without a change."""

import json

import jsonschema_rs
from hypothesis import given, settings

from scheduler.model.definition import PodDefinition, render
from scheduler.model.json import Json
from scheduler.model.jsonschema import definition_schema
from scheduler.model.normalisation import normalise
from scheduler.model.rules import Site
from scheduler.model.validation import parse
from tests.model import strategies

SCHEMA = jsonschema_rs.validator_for(definition_schema())


def check(document: Json, site: Site) -> None:
    """Every property of a valid definition."""
    parsed = parse(json.dumps(document).encode(), site)
    assert isinstance(parsed, PodDefinition), parsed
    stored = normalise(parsed, site)
    assert normalise(stored, site) == stored
    shown = render(stored)
    again = parse(json.dumps(shown).encode(), site)
    assert again == stored
    assert isinstance(again, PodDefinition)
    assert normalise(again, site) == stored, "GET, then PUT, would be a change"
    assert render(again) == shown


@settings(max_examples=60)
@given(strategies.definitions())
def test_what_every_agent_can_launch(document: Json) -> None:
    check(document, Site(role="*"))


@settings(max_examples=60)
@given(strategies.any_valid())
def test_every_field(document: Json) -> None:
    check(document, strategies.SITE)


@settings(max_examples=60)
@given(strategies.any_valid())
def test_what_is_shown_fits_the_json_schema(document: Json) -> None:
    parsed = parse(json.dumps(document).encode(), strategies.SITE)
    assert isinstance(parsed, PodDefinition)
    SCHEMA.validate(render(normalise(parsed, strategies.SITE)))
