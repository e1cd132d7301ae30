"""`podexec pod init` and `pod explain`: what to write into a definition, without a scheduler."""

import json
from itertools import chain, combinations
from pathlib import Path

import pytest
import yaml

from scheduler.cli.explain import _every, _find
from scheduler.cli.template import Part, template
from scheduler.model.descriptions import DESCRIPTIONS
from scheduler.model.jsonschema import definition_schema
from scheduler.model.problems import Problems
from scheduler.model.rules import Site, broken
from scheduler.model.validation import read
from tests.cli.conftest import Run
from tests.fakes.loop import SETTINGS

SITE = Site("*", None, None, SETTINGS.features, True, SETTINGS.new_group_enforce_role)


def test_every_choice_of_parts_is_valid_and_lacks_nothing() -> None:
    choices = list(chain.from_iterable(combinations(Part, size) for size in range(len(Part) + 1)))
    assert len(choices) == 2 ** len(Part)
    for parts in choices:
        text = template(parts, "/my-group/my-pod")
        found = read(json.dumps(yaml.safe_load(text)).encode(), SITE)
        assert not isinstance(found, Problems), (parts, found)
        assert broken(found, SITE) == (), parts
        assert [bool(found.volumes), bool(found.secrets), bool(found.networks)] == [
            each in parts for each in (Part.VOLUME, Part.SECRET, Part.NETWORK)
        ], parts
        main = found.containers[0]
        assert [main.health_check is not None, main.image is not None, len(found.containers) == 2] == [
            each in parts for each in (Part.HEALTH, Part.IMAGE, Part.SIDECAR)
        ], parts
        assert "#" in text


def test_it_is_written_to_a_new_file_that_validates(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "web.yaml"
    outcome = run("pod", "init", str(file), "--with", "all", "--id", "shop/web")
    assert (outcome.code, outcome.out) == (0, f"{file} is written.\n")
    assert f"podexec pod validate {file}" in outcome.err
    assert run("pod", "validate", "--strict", str(file)).code == 0
    before = file.read_text()
    assert "id: /shop/web\n" in before
    assert "role: shop\n" in before
    again = run("pod", "init", str(file))
    assert (again.code, f"{file} exists" in again.err, file.read_text()) == (2, True, before)
    assert run("pod", "init", str(tmp_path / "none" / "web.yaml")).code == 2


def test_it_is_printed(run: Run) -> None:
    outcome = run("pod", "init", "--with", "network,health", "--with", "upgrade")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == template({Part.NETWORK, Part.HEALTH, Part.UPGRADE}, "/my-pod")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--with", "network,heath"), "--with 'heath': the parts are network, health, readiness"),
        (("--id", "/Web"), "'/Web' is not the id of a pod"),
        (("--id", "a\x1b[2J"), "is not the id of a pod"),
        (("--id", "a\n"), "is not the id of a pod"),
        (("--id", ""), "is not the id of a pod"),
        (("--id", "web", "--with", "volume"), "/web cannot have a persistent volume"),
    ],
    ids=["part", "capital", "control", "newline", "empty", "no role"],
)
def test_what_cannot_be_made(run: Run, words: tuple[str, ...], error: str) -> None:
    outcome = run("pod", "init", *words)
    assert (outcome.code, outcome.out, error in outcome.err) == (2, "", True), outcome.err
    assert "\x1b" not in outcome.err


# ----------------------------------------------------------------------------- explain


def test_every_field_is_found() -> None:
    schema = definition_schema()
    paths = list(_every(schema, _find(schema, []), 0))
    assert {each[-1] for each in paths} == {key for fields in DESCRIPTIONS.values() for key in fields}
    for each in paths:
        assert _find(schema, each).path == each


def test_names_are_those_of_the_fields_below(run: Run) -> None:
    assert run("pod", "explain", "scaling", "-o", "name").out.split() == [
        f"scaling.{each}" for each in DESCRIPTIONS["Scaling"]
    ]


def test_a_field_with_all_that_is_known_of_it(run: Run) -> None:
    shown = run("pod", "explain", "containers.healthCheck.timeoutSeconds").out
    assert shown == (
        "containers.healthCheck.timeoutSeconds\n"
        "  type      integer ≥ 0\n"
        "  default   20\n"
        "  meaning   A check without an answer in this time fails; seconds, less than intervalSeconds.\n"
        "  example   5\n"
    ), shown
    shown = run("pod", "explain", "containers").out
    assert "  default   required\n" in shown
    assert "Container: " in shown
    assert json.loads(run("pod", "explain", "scaling.instances", "-o", "json").out)["type"] == "integer"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/containers(0)/resources/cpus", "containers.resources.cpus"),
        ("containers[0].resources.cpus", "containers.resources.cpus"),
        ("/environment/PASSWORD/secret", "environment.secret"),
        ("secrets.db.source", "secrets.source"),
        ("secrets.source", "secrets.source"),
    ],
)
def test_paths_as_problems_have_them(run: Run, path: str, name: str) -> None:
    assert run("pod", "explain", path).out.splitlines()[0] == name


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("contaners", "Did you mean containers?"),
        ("cpus", "executorResources.cpus or containers.resourceLimits.cpus or containers.resources.cpus?"),
        ("containers.healthCheck.timeout", "Did you mean containers.healthCheck.timeoutSeconds?"),
        ("containers.name.first", "containers.name has no fields"),
        ("scaling.zzz", "Its fields: kind, instances"),
        ("\x1b[2J", "Its fields: id, version"),
        ("x" * 130_000, "Its fields: id, version"),
    ],
    ids=["typo", "inner", "beginning", "scalar", "other", "control", "long"],
)
def test_a_field_that_does_not_exist(run: Run, path: str, advice: str) -> None:
    outcome = run("pod", "explain", path)
    assert (outcome.code, outcome.out, advice in outcome.err) == (2, "", True), outcome.err[:500]
    assert "\x1b" not in outcome.err
