"""Whatever is sent to the API: never a 5xx, answers as the OpenAPI document says, and a refusal changes nothing.

The cases are the same in every run. They meet one scheduler, so that later ones find the pods of earlier ones.
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from scheduler.api.openapi import document
from tests.api.test_pods import POD
from tests.api.whole import WholeApi

ALWAYS_THE_SAME = settings(
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
# Over a thousand bodies that are wrong by one thing each are tried with POST; PUT takes the same body.
CONFIG = schemathesis.Config.from_dict(
    {
        "operations": [
            {"include-method": "POST", "phases": {"coverage": {"generation": {"mode": "negative"}}}},
            {"include-method": "PUT", "phases": {"coverage": {"enabled": False}}},
        ]
    }
)
# An answer that does not end is none of this test's, nor is a body that is no text.
API_SCHEMA = (
    schemathesis.openapi.from_dict(document("1.2.3"), config=CONFIG)
    .exclude(path="/v2/events", method="GET")
    .exclude(path="/v2/pods/{pod_id}::logs", method="GET")
    .exclude(path="/v2/pods/{pod_id}::archive", method="PUT")
)


@pytest.fixture(scope="module")
def api() -> Iterator[WholeApi]:
    """One scheduler for all cases, with two pods in it."""
    with WholeApi() as whole:
        for pod_id in ("/a", "/product/web"):
            assert whole("POST", "/v2/pods", json=POD | {"id": pod_id}).status_code == 201
        yield whole


def send(api: WholeApi, method: str, path: str, **more: Any) -> httpx2.Response:
    """The answer, after checking what holds for every request."""
    before = api.state()
    answer = api(method, path, **more)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and method != "HEAD":
        assert answer.json()["message"]
    if answer.status_code >= 400 or method in ("GET", "HEAD"):
        assert api.state() == before, f"{method} {path}: {answer.status_code}, and yet something changed"
    return answer


@API_SCHEMA.parametrize()
@settings(ALWAYS_THE_SAME, max_examples=6)
def test_every_operation_of_the_document(case: schemathesis.Case, api: WholeApi) -> None:
    """Requests generated from the document, valid and invalid: the answers are as documented."""
    request = requests.Request(**case.as_transport_kwargs(base_url="http://scheduler.test")).prepare()
    headers = {name: value.encode("latin-1") for name, value in request.headers.items()}
    answer = send(api, str(request.method), str(request.url), headers=headers, content=request.body)
    case.validate_response(
        answer,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_headers_conformance,
            response_schema_conformance,
        ],
    )


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["/a", "host", "64mb"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
IDS = st.sampled_from(["a", "/product/web", "product/web/", "none", "a::status", "::", "%2F", ".."]) | st.text(
    max_size=12
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A valid definition with up to three members replaced, removed or added anywhere."""
    body = json.loads(json.dumps(POD | {"id": draw(st.sampled_from(["/a", "/product/web", "/new"]))}))
    for _ in range(draw(st.integers(0, 3))):
        holder, key = draw(st.sampled_from(list(_places(body))))
        if draw(st.booleans()):
            holder[key] = draw(JSON_VALUES)
        else:
            del holder[key]
    return body


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


@settings(ALWAYS_THE_SAME, max_examples=300)
@given(method=st.sampled_from(["POST", "PUT"]), body=mutated() | JSON_VALUES | st.binary(max_size=30), pod_id=IDS)
def test_bodies_and_ids_of_any_kind(api: WholeApi, method: str, body: Any, pod_id: str) -> None:
    """Nearly valid definitions, other JSON, and bodies that are not JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode(errors="surrogatepass")
    path = "/v2/pods" if method == "POST" else f"/v2/pods/{quote(pod_id, errors='surrogatepass')}"
    send(api, method, path, content=content, headers={"Content-Type": "application/json"})


SUFFIXES = (
    "",
    "::status",
    "::x",
    "::versions",
    "::versions/x",
    "::instances",
    "::instances/x.instance-1",
    "/delay",
    "::archive",
    "::exec",
)


@settings(ALWAYS_THE_SAME, max_examples=150)
@given(
    method=st.sampled_from(["GET", "HEAD", "DELETE", "POST", "PUT", "PATCH"]),
    collection=st.sampled_from(["pods", "pods", "groups", "queue", "deployments"]),
    pod_id=IDS,
    suffix=st.sampled_from(SUFFIXES),
)
def test_paths_of_any_kind(api: WholeApi, method: str, collection: str, pod_id: str, suffix: str) -> None:
    """Invalid ids, slashes and colons anywhere, methods that a path does not have."""
    send(api, method, f"/v2/{collection}/{quote(pod_id, errors='surrogatepass')}{suffix}")
