"""Validates a definition from outside: from bytes to a definition that can be stored, or all of its problems.

The stages are those of Marathon's API, in its order: JSON, schema, rules. Whether agents can run the pod, and whether
its id is taken, is checked by the core.

Rules may become stricter: definitions that are already stored stay. The store checks only types, so types must never
become narrower.
"""

import orjson

from scheduler.model import schema
from scheduler.model.bounds import excesses
from scheduler.model.definition import PodDefinition
from scheduler.model.duplicates import duplicate_keys
from scheduler.model.problems import Problem, Problems, Stage
from scheduler.model.rules import Site, broken


def parse(body: bytes, site: Site) -> PodDefinition | Problems:
    """The definition in a request body, not yet normalised."""
    definition = read(body, site)
    if isinstance(definition, Problems):
        return definition
    problems = broken(definition, site)
    return Problems(Stage.RULES, problems) if problems else definition


def read(body: bytes, site: Site) -> PodDefinition | Problems:
    """The definition in a request body, not checked by the rules."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return Problems(Stage.SYNTAX, (Problem("/", str(error)),))
    too_many = excesses(document)
    if too_many:
        return Problems(Stage.RULES, too_many)
    repeated = duplicate_keys(body) if site.strict else ()
    if repeated:
        return Problems(Stage.SCHEMA, repeated)
    return schema.check(document, site.strict)
