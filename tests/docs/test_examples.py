"""Definitions and answers that the docs show are valid."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from scheduler.access import principals
from scheduler.access.permissions import ROLES, Role
from scheduler.api.openapi import document
from scheduler.model.json import Json
from tests.cli.conftest import Run
from tests.docs.pages import ROOT, Block, blocks, spans

_CALL = re.compile(r"`((?:HEAD|GET|POST|PUT|DELETE) /[^`?]*)`")
DEFINITIONS = [each for each in blocks() if each.language in ("json", "yaml")]


def _pod(block: Block) -> Json:
    """A definition as it is shown; a container alone, in the first definition of its page."""
    shown: Json = yaml.safe_load(block.text)
    if "containers" in shown:
        return shown
    around = _pod(next(each for each in DEFINITIONS if each.page == block.page))
    return around | {"containers": [shown, *around["containers"]]}


@pytest.mark.parametrize("block", DEFINITIONS, ids=str)
def test_definitions_are_valid_and_can_be_launched(block: Block, run: Run, tmp_path: Path) -> None:
    file, executor = tmp_path / "pod.json", tmp_path / "podexec.pyz"
    file.write_text(json.dumps(_pod(block)))
    executor.touch()
    site = ("--mesos-role", "shop", "--default-network-name", "dcos")
    valid = run("pod", "validate", "--strict", str(file), *site)
    assert valid.code == 0, valid.err + valid.out
    more = ("--mesos-authentication-principal", "ops", "--executor", str(executor))
    rendered = run("pod", "render", str(file), *site, *more)
    assert rendered.code == 0, rendered.err
    assert json.loads(rendered.out)["type"] == "LAUNCH_GROUP"


def test_definitions_are_shown() -> None:
    assert len(DEFINITIONS) >= 4


def test_the_principals_file_that_is_shown_is_valid() -> None:
    [shown] = [each.text for each in blocks() if each.page.name == "access.md" and '"rules"' in each.text]
    salted = shown.replace("SALT", 22 * "A" + "==").replace("HASH", 43 * "A" + "=")
    found = principals.read(salted.replace("DIGEST", 64 * "a").replace("OTHER", 64 * "b").encode())
    assert len(found.users) == 3
    assert [len(each.allowed) for each in found.rules] == [8, 7, 4, 4]


def test_the_roles_are_shown_as_they_are() -> None:
    page = (ROOT / "docs" / "access.md").read_text()
    rows = dict(
        re.findall(r"^\| `(view|operate|admin)` \| (.*) \|$", page[: page.index("| permission | for |")], re.MULTILINE)
    )
    view, added = (set(re.findall(r"`(\w+)`", rows[name])) for name in ("view", "operate"))
    assert (view, view | added) == (ROLES[Role.VIEW], ROLES[Role.OPERATE])


def _paths(shown: str) -> str:
    """A path with its parameters alike."""
    return re.sub(r"\{[^}]*\}|\b[A-Z]+\b", "X", shown)


def test_the_calls_in_the_table_are_those_of_the_document() -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    table = page[page.index("| request |") : page.index("\n\n", page.index("| request |"))]
    shown = {(method, _paths(path)) for method, path in (each.split(" ", 1) for each in _CALL.findall(table))}
    described = {
        (method.upper(), _paths(path)) for path, methods in document("1").get("paths", {}).items() for method in methods
    }
    assert len(shown) > 30
    assert shown - described == {("GET", "/v2/pods/X::exec")}  # a WebSocket, which OpenAPI cannot describe
    assert {path for _, path in described} <= {path for _, path in shown}


def _is_valid(answer: Any, schema: Json) -> bool:
    components = {"components": document("1")["components"]}
    return jsonschema_rs.validator_for(schema | components).is_valid(answer)


def test_answers_are_shown_as_the_document_has_them() -> None:
    """Those of api.md that are whole JSON: who leads, and the details of a refusal."""
    shown = [json.loads(each.text) for each in spans() if each.page.name == "api.md" and _is_json(each.text)]
    leader, details = shown
    answers = document("1")["paths"]["/v2/leader"]["get"]["responses"]["200"]["content"]
    assert _is_valid(leader, answers["application/json"]["schema"])
    refusal = {"$ref": "#/components/schemas/DefinitionProblems"}
    assert _is_valid({"message": "Invalid JSON", "details": details}, refusal)
    assert not _is_valid({"message": "Invalid JSON", "details": [{"path": 5}]}, refusal)


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except ValueError:
        return False
