"""Where instances may run: constraints whose operators fit their values, and roles whose resources they may use."""

import re
from collections.abc import Iterable, Iterator

from scheduler.model.definition import Constraint, PodDefinition
from scheduler.model.patterns import LARGEST, PatternError, size
from scheduler.model.problems import Problem
from scheduler.model.rules.site import Site

_CONSTRAINTS = "/scheduling/placement/constraints"
_NUMBER = re.compile(r"\+?0*[1-9][0-9]{0,8}")
_IS = re.compile(r"[a-zA-Z0-9_/.-]*")
_ROLE = re.compile(r"(?!\.{1,2}$)(?!-)[^/\x08 \t\n\v\f\r]+")


def pattern_problems(patterns: Iterable[tuple[str, str]], at: str) -> Iterator[Problem]:
    """What is wrong with the regular expressions of a list at ``at``: (path, expression) of each."""
    total = 0
    for path, pattern in patterns:
        try:
            total += size(pattern)
        except PatternError as error:
            yield Problem(path, str(error))
    if total > LARGEST:
        yield Problem(at, f"the regular expressions are too large together: {total}, but at most {LARGEST} is allowed")


def _constraints(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    constraints = definition.scheduling.placement.constraints
    for index, constraint in enumerate(constraints):
        at = f"{_CONSTRAINTS}({index})"
        if not constraint.field_name:
            yield Problem(at, "fieldName must not be empty")
        fault = _value_fault(constraint)
        if fault is not None:
            yield Problem(at, f"{constraint.operator} {fault}")
    patterns = (
        (f"{_CONSTRAINTS}({index})", constraint.value)
        for index, constraint in enumerate(constraints)
        if constraint.operator in ("LIKE", "UNLIKE") and constraint.value is not None
    )
    yield from pattern_problems(patterns, _CONSTRAINTS)


def _value_fault(constraint: Constraint) -> str | None:
    value = constraint.value
    match constraint.operator:
        case "LIKE" | "UNLIKE":
            return "needs a regular expression" if value is None else None
        case "UNIQUE":
            return None if value is None else "accepts no value"
        case "GROUP_BY" if value is not None and not _NUMBER.fullmatch(value):
            return "accepts only an integer of at least 1, as a string, or no value"
        case "MAX_PER" if value is None or not _NUMBER.fullmatch(value):
            return "needs an integer of at least 1, as a string"
        case "IS" if value is not None and not _IS.fullmatch(value):
            return "accepts only letters, digits and the characters _ / . -"
    return None


def _roles(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    accepted = definition.scheduling.placement.accepted_resource_roles
    allowed = {"*", site.role_of(definition)}
    for role in accepted:
        if not _ROLE.fullmatch(role):
            yield Problem(
                "/scheduling/placement/acceptedResourceRoles", f"{role!r} is not a valid name of a Mesos role"
            )
        elif role not in allowed:
            yield Problem("/acceptedResourceRoles", f"may contain only {', '.join(sorted(allowed))}, not {role}")


RULES = (_constraints, _roles)
