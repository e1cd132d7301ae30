"""The descriptions of fields: none is missing, no example is wrong, and docs/definition.md is generated from them."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from scheduler.model.base import Model
from scheduler.model.definition import PodDefinition
from scheduler.model.descriptions import DESCRIPTIONS
from scheduler.model.jsonschema import definition_schema
from scheduler.model.reference import reference
from tests.model.definitions import MINIMAL, changed

PAGE = Path(__file__).parents[2] / "docs" / "definition.md"
MODELS = Model.__subclasses__()
SCHEMA = definition_schema()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_is_described(model: type[Model]) -> None:
    assert set(DESCRIPTIONS[model.__name__]) == {field.alias for field in model.model_fields.values()}


def test_nothing_else_is_described() -> None:
    assert set(DESCRIPTIONS) == {model.__name__ for model in MODELS}


EXAMPLES = [(model, key) for model, words in DESCRIPTIONS.items() for key in words]


@pytest.mark.parametrize(("model", "key"), EXAMPLES, ids=[f"{model}.{key}" for model, key in EXAMPLES])
def test_an_example_fits_its_field(model: str, key: str) -> None:
    part = SCHEMA if model == PodDefinition.__name__ else SCHEMA["$defs"][model]
    field: dict[str, Any] = part["properties"][key] | {"$defs": SCHEMA["$defs"]}
    jsonschema_rs.validator_for(field).validate(DESCRIPTIONS[model][key].example)


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "docs/definition.md is old: podexec pod schema --markdown > docs/definition.md"
    )


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("maxRunSeconds", "number > 0"),
        ("maximumOverCapacity", "number 0…1"),
        ("shmSize", "integer ≥ 0 or size"),
        ("tty", "boolean"),
        ("dependencies", "list of non-empty strings"),
        ("argv", "non-empty list of strings"),
        ("uri", "string of 1…1024 characters"),
        ("networks", "list of [Network](#network)"),
    ],
)
def test_the_page_names_types(field: str, kind: str) -> None:
    assert f"\n| `{field}` | {kind} |" in reference()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", "//a//b.c/"),
        ("containers.0.resources", {"mem": "64 MB", "disk": 10}),
        ("containers.0.resourceLimits", {"cpus": "unlimited", "mem": "1.5g"}),
        ("containers.0.exec.command", {"shell": "true", "argv": ["true"]}),
        ("environment", {"A": "b", "C": {"secret": "d"}}),
        ("scheduling.unreachableStrategy", "disabled"),
        ("scheduling.unreachableStrategy", {"inactiveAfterSeconds": 1}),
        ("unknown", {"key": 1}),
    ],
)
def test_the_schema_takes_what_the_scheduler_takes(path: str, value: Any) -> None:
    jsonschema_rs.validator_for(SCHEMA).validate(changed(MINIMAL, path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", "/Pod"),
        ("containers", []),
        ("containers.0.resources", None),
        ("containers.0.resources.mem", "64"),
        ("containers.0.resources.mem", 0),
        ("containers.0.exec.command", {}),
        ("environment.A", 5),
        ("scheduling.unreachableStrategy", "enabled"),
    ],
)
def test_the_schema_refuses_what_the_scheduler_refuses(path: str, value: Any) -> None:
    assert not jsonschema_rs.is_valid(SCHEMA, changed(MINIMAL, path, value))


def test_the_schema_speaks_of_itself() -> None:
    jsonschema_rs.meta.validate(SCHEMA)
    assert "examples" in SCHEMA["$defs"]["Container"]["properties"]["name"]
    assert SCHEMA["$defs"]["Scheduling"]["properties"]["killSelection"]["enum"] == ["YOUNGEST_FIRST", "OLDEST_FIRST"]
    assert SCHEMA["$defs"]["HealthCheck"]["properties"]["intervalSeconds"]["default"] == 60
