"""The OpenAPI document matches the routes and the answers."""

import json
import re
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace
from starlette.routing import Route

from scheduler.api.openapi import document
from scheduler.core.events import Subscribed
from scheduler.model.definition import PodDefinition, render
from scheduler.model.json import Json
from scheduler.model.normalisation import normalise
from scheduler.model.records import Condition, NetworkAddress, TaskEnd, Termination
from scheduler.model.validation import parse
from tests.api.app import Api, app_over
from tests.api.test_pods import POD
from tests.core.views import test_pod_status as rollup
from tests.fakes.loop import FakeLoop
from tests.model.strategies import SITE, any_valid

METHODS = {"get", "head", "post", "put", "delete"}


def closed(schema: Any) -> Any:
    """The schema, but without unknown members."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(member) for key, member in schema.items()}
    return inner | {"additionalProperties": False} if isinstance(inner.get("properties"), dict) else inner


def problems(body: Any, component: str) -> list[str]:
    """The problems of an answer according to the document's component."""
    components = {"components": closed(document("1.2.3")["components"])}
    validator = jsonschema_rs.validator_for({"$ref": f"#/components/schemas/{component}"} | components)
    return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(body)]


def test_every_route_is_described_and_nothing_else(loop: FakeLoop) -> None:
    """One entry for each path and method; the spellings with a slash at the end are the same path."""
    app = app_over(loop)
    served = {
        (re.sub(r":path\}", "}", route.path).rstrip("/") or "/", method.lower())
        for route in app.routes
        if isinstance(route, Route)  # OpenAPI cannot describe WebSockets
        for method in route.methods or ()
    }
    described = {
        (path, method)
        for path, operations in document("1.2.3")["paths"].items()
        for method in operations
        if method in METHODS
    }
    assert served == described


def test_the_document_is_served(api: Api) -> None:
    """As JSON, with this version of podexec in it."""
    answer = api("GET", "/openapi.json")
    assert answer.status_code == 200
    assert answer.json() == document("1.2.3")
    assert answer.json()["info"]["version"] == "1.2.3"


def test_all_references_of_the_document_lead_somewhere() -> None:
    """None refers to the definition's own schema."""
    whole = document("1.2.3")
    names = {f"#/components/schemas/{name}" for name in whole["components"]["schemas"]}
    assert set(_references(whole)) <= names


def test_the_definitions_schema_is_served_for_editors(api: Api) -> None:
    """A complete schema that accepts a valid definition and rejects an invalid one."""
    answer = api("GET", "/v2/schemas/pod")
    assert answer.headers["Content-Type"] == "application/schema+json"
    validator = jsonschema_rs.validator_for(answer.json())
    assert validator.is_valid(POD)
    assert not validator.is_valid(POD | {"containers": []})


def test_what_a_pod_is_shown_as_is_what_the_document_says(api: Api) -> None:
    """With defaults filled in it matches its own schema, without unknown members."""
    assert problems(api("POST", "/v2/pods", json=POD).json(), "PodDefinition") == []


@settings(max_examples=50, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(pod=any_valid())
def test_any_pod_is_shown_as_the_document_says(pod: Json) -> None:
    """With any fields; enumerated values are spelled as in the document."""
    definition = parse(json.dumps(pod).encode(), SITE)
    assert isinstance(definition, PodDefinition)
    assert problems(render(normalise(definition, SITE)), "PodDefinition") == []


def test_the_status_of_a_running_pod_is_what_the_document_says(api: Api, loop: FakeLoop) -> None:
    """With a running instance, and the history of one that failed."""
    ended = Termination(
        "web.instance-1", 10, 15, "no", (TaskEnd("web.instance-1.one.0", Condition.FAILED, "status 1"),)
    )
    seen = (NetworkAddress("dcos", ("9.0.0.2",)), NetworkAddress(None, ("10.0.0.1",)))
    for record in (
        rollup.DEFINITION,
        replace(rollup.POD, terminations=(ended,)),
        rollup.instance(*rollup.both(Condition.RUNNING, healthy=True, message="up", networks=seen)),
    ):
        loop.world.put(record)
    answer = api("GET", "/v2/pods/web::status").json()
    assert answer["instances"][0]["containers"][0]["conditions"]
    assert answer["terminationHistory"]
    assert problems(answer, "PodStatus") == []


@pytest.mark.parametrize(
    ("body", "status", "component"),
    [
        ({"id": "relative"}, 422, "DefinitionProblems"),
        (POD | {"user": ""}, 422, "DefinitionProblems"),
        ("{", 400, "Message"),
    ],
)
def test_refusals_are_what_the_document_says(api: Api, body: Any, status: int, component: str) -> None:
    given = {"content": body} if isinstance(body, str) else {"json": body}
    answer = api("POST", "/v2/pods", headers={"Content-Type": "application/json"}, **given)
    assert answer.status_code == status
    assert problems(answer.json(), component) == []


def test_information_is_what_the_document_says(api: Api, loop: FakeLoop) -> None:
    assert problems(api("GET", "/v2/info").json(), "Info") == []
    loop.happens(Subscribed("F-1", "10.0.0.1:5050", "1.11.0"))
    assert problems(api("GET", "/v2/info").json(), "Info") == []


def _references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [found for item in value for found in _references(item)]
    if not isinstance(value, dict):
        return []
    here = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
    return here + [found for member in value.values() for found in _references(member)]
