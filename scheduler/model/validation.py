"""The door a definition comes in by: bytes in, a definition that can be stored or all its problems out.

The stages of Marathon's API, in its order: JSON, schema, rules.
Whether the agents can run it, and whether the id is taken, the core knows.

Rules may become stricter. What was stored before stays: the store asks for the types only, so that these must never
become narrower.
"""

import orjson

from scheduler.model import schema
from scheduler.model.definition import PodDefinition
from scheduler.model.duplicates import duplicate_keys
from scheduler.model.problems import Problem, Problems, Stage
from scheduler.model.rules import Site, broken


def parse(body: bytes, site: Site) -> PodDefinition | Problems:
    """The definition a request body holds, not yet normalised."""
    definition = read(body, site)
    if isinstance(definition, Problems):
        return definition
    problems = broken(definition, site)
    return Problems(Stage.RULES, problems) if problems else definition


def read(body: bytes, site: Site) -> PodDefinition | Problems:
    """The definition a request body holds, whatever the rules say of it."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return Problems(Stage.SYNTAX, (Problem("/", str(error)),))
    repeated = duplicate_keys(body) if site.strict else ()
    if repeated:
        return Problems(Stage.SCHEMA, repeated)
    return schema.check(document, site.strict)
