"""Where instances may run: constraints whose operators fit their values, and roles whose resources they may use."""

import re
import warnings
from collections.abc import Iterator

from scheduler.model.definition import Constraint, PodDefinition
from scheduler.model.problems import Problem
from scheduler.model.rules.site import Site

_NUMBER = re.compile(r"\+?0*[1-9][0-9]{0,8}")
_IS = re.compile(r"[a-zA-Z0-9_/.-]*")
_ROLE = re.compile(r"(?!\.{1,2}$)(?!-)[^/\x08 \t\n\v\f\r]+")


def regex_fault(pattern: str) -> str | None:
    """Why a string is not a regular expression, or None. Java's and Python's syntax are nearly the same."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Python warns of syntax that Java reads differently
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        return f"{pattern!r} is not a regular expression: {error}"
    return None


def _constraints(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    for index, constraint in enumerate(definition.scheduling.placement.constraints):
        at = f"/scheduling/placement/constraints({index})"
        if not constraint.field_name:
            yield Problem(at, "fieldName must not be empty")
        fault = _value_fault(constraint)
        if fault is not None:
            yield Problem(at, f"{constraint.operator} {fault}")


def _value_fault(constraint: Constraint) -> str | None:
    value = constraint.value
    match constraint.operator:
        case "LIKE" | "UNLIKE":
            return "needs a regular expression" if value is None else regex_fault(value)
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
