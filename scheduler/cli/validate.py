"""``podexec pod validate`` and ``podexec pod schema``: need no scheduler."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli import screen
from scheduler.cli.errors import CommandError
from scheduler.cli.options import option
from scheduler.cli.parameters import scheduler_options, settings_of

if TYPE_CHECKING:
    from scheduler.cli.definitions import Located
    from scheduler.model.rules import Site


@scheduler_options("networks", "mesos_role", "new_group_enforce_role", "default_network_name", "enable_features")
def validate(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE…", help="JSON or YAML with pod definitions; - for standard input.")
    ],
    strict: Annotated[
        bool, option("--strict", "Treat unknown and repeated keys as errors, like --strict-definitions.")
    ] = False,
    **written: Any,
) -> None:
    """Check the definitions in files and report all problems with their lines. Needs no scheduler."""
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
    ids: set[str] = set()
    broken = [file for file in files if not _is_valid(file, site, ids)]
    if broken:
        raise typer.Exit(1)


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


def _is_valid(file: str, site: "Site", ids: set[str]) -> bool:
    """Print the problems of a file; returns whether its definitions can be sent.

    ``ids``: of the preceding definitions; those of the file are added.
    """
    from scheduler.cli import definitions

    try:
        found = definitions.read_located(file)
    except CommandError as error:
        screen.say(f"{file}: {error}")
        return False
    valid = True
    for located in found:
        errors = [*_errors(located, site), *_same_as_a_group(located, ids)]
        warnings = [] if site.strict else list(_without_effect(located))
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
