"""``podexec pod validate`` and ``podexec pod schema``: need no scheduler."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli import screen
from scheduler.cli.errors import CommandError
from scheduler.cli.options import option
from scheduler.cli.parameters import scheduler_options, settings_of
from scheduler.cli.variables import Var, Variables

if TYPE_CHECKING:
    from scheduler.cli.definitions import Located
    from scheduler.model.policy.contents import Policy
    from scheduler.model.policy.judgement import Finding
    from scheduler.model.rules import Site


@scheduler_options(
    "networks", "mesos_role", "new_group_enforce_role", "default_network_name", "enable_features", "mesos_user"
)
def validate(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE…", help="JSON or YAML with pod definitions; - for standard input.")
    ],
    strict: Annotated[
        bool, option("--strict", "Treat unknown and repeated keys as errors, like --strict-definitions.")
    ] = False,
    policy: Annotated[
        Path | None,
        option("--policy", "Also check the rules and secret scopes of this policy.", metavar="FILE"),
    ] = None,
    var: Var = None,
    **written: Any,
) -> None:
    """Check the definitions in files and report all problems with their lines. Needs no scheduler."""
    from scheduler.cli.policy_file import load
    from scheduler.model.policy.contents import Policy
    from scheduler.model.rules import Site

    settings = settings_of(written)
    site = Site(
        settings.role,
        settings.default_network_name,
        settings.known_networks,
        settings.features,
        strict,
        settings.new_group_enforce_role,
    )
    checks = _Checks(site, Policy() if policy is None else load(policy), settings.mesos_user)
    variables = Variables(var)
    broken = [file for file in files if not _is_valid(file, checks, variables)]
    if checks.policy.quotas:
        screen.tell("The quotas of the policy are not checked: they depend on the other pods of the scheduler.")
    if broken:
        raise typer.Exit(1)
    variables.require_used()


def schema(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the reference of all fields in Markdown instead.")
    ] = False,
) -> None:
    """Print the JSON Schema of a pod definition, for editors and other tools."""
    if markdown:
        from scheduler.model.reference import reference

        screen.data(reference(), end="")
    else:
        from scheduler.model.jsonschema import definition_schema

        screen.print_json(definition_schema())


@dataclass(frozen=True, slots=True)
class _Checks:
    """What definitions are checked against.

    Attributes:
        default_user: of containers that name none.
        ids: of the preceding definitions.
    """

    site: "Site"
    policy: "Policy"
    default_user: str
    ids: set[str] = field(default_factory=set)


def _is_valid(file: str, checks: _Checks, variables: Variables) -> bool:
    """Print the problems of a file; returns whether its definitions can be sent."""
    from scheduler.cli import definitions

    try:
        found = definitions.read_located(file, variables=variables)
    except CommandError as error:
        screen.say(f"{file}: {error}")
        return False
    valid = True
    for located in found:
        errors = [*_errors(located, checks.site), *_same_as_a_group(located, checks.ids)]
        warnings = [] if checks.site.strict else list(_without_effect(located))
        if not errors:
            for finding in _not_accepted(located, checks):
                line = located.line(finding.path) or 0
                (errors if finding.refuses else warnings).append((line, f"{finding.path}: {finding.error}"))
        for line, text in sorted([*errors, *((line, f"warning: {text}") for line, text in warnings)]):
            screen.say(f"{file}:{line}: {text}" if line else f"{file}: {text}")
        if errors:
            valid = False
        else:
            screen.say(f"{file}: {located.document['id']} is valid")
    return valid


def _errors(located: "Located", site: "Site") -> Iterator[tuple[int, str]]:
    """Line and text of each error. The rules are checked even if keys are unknown, to report everything at once."""
    from dataclasses import replace

    from scheduler.cli.marathon_keys import explain
    from scheduler.model.problems import Problems
    from scheduler.model.validation import parse

    judged = parse(json.dumps(located.document).encode(), replace(site, strict=False))
    for problem in judged.items if isinstance(judged, Problems) else ():
        yield located.line(problem.path) or 0, f"{problem.path}: {explain(problem.error)}"
    if site.strict:
        yield from _without_effect(located)


def _not_accepted(located: "Located", checks: _Checks) -> "tuple[Finding, ...]":
    """The parts of a valid definition that the policy does not accept."""
    from scheduler.model.normalisation import normalise
    from scheduler.model.policy.judgement import judge
    from scheduler.model.problems import Problems
    from scheduler.model.validation import parse

    parsed = parse(json.dumps(located.document).encode(), checks.site)
    if isinstance(parsed, Problems):
        return ()
    return judge(checks.policy, normalise(parsed, checks.site), checks.default_user)


def _same_as_a_group(located: "Located", ids: set[str]) -> Iterator[tuple[int, str]]:
    """A conflict of the id with those of the preceding definitions, to which it is added."""
    from scheduler.model.ids import canonical, groups_of, same_as_a_group

    given = located.document.get("id") if isinstance(located.document, dict) else None
    if isinstance(given, str):
        pod_id = canonical(given)
        reason = same_as_a_group(pod_id, ids, {group for each in ids for group in groups_of(each)})
        ids.add(pod_id)
        if reason is not None:
            yield located.line("/id") or 0, f"/id: {reason}"


def _without_effect(located: "Located") -> Iterator[tuple[int, str]]:
    """Keys of a definition that have no effect."""
    from scheduler.model.duplicates import MEANING
    from scheduler.model.schema import unknown_keys

    for path in located.repeated:
        yield located.line(path) or 0, f"{path}: {MEANING}"
    for problem in unknown_keys(located.document):
        yield located.line(problem.path) or 0, f"{problem.path}: {problem.error}"
