"""``/v2/pods`` as Marathon's clients know it: paths, statuses, bodies and headers."""

import json
import threading
from typing import Any

import pytest
import structlog
from msgspec.structs import replace

from scheduler.api.requests import LARGEST_BODY
from scheduler.core.events import AgentDescribed
from scheduler.loop.event_loop import LoopError
from scheduler.model.definition import PodDefinition
from scheduler.model.policy.reading import read as read_policy
from scheduler.model.problems import Problems
from scheduler.model.roles import EnforceRole
from scheduler.model.rules import Site
from scheduler.model.validation import read
from tests.api.app import Api
from tests.fakes.loop import SETTINGS, FakeLoop

JSON_TYPE = {"Content-Type": "application/json"}
POD: dict[str, Any] = {
    "id": "/product/web",
    "networks": [{"mode": "container"}],
    "containers": [
        {
            "name": "one",
            "resources": {"cpus": 0.1, "mem": 32},
            "exec": {"command": {"shell": "sleep 100"}},
            "endpoints": [{"name": "http", "containerPort": 80}],
        }
    ],
}
HOST_VOLUME = POD | {
    "containers": [POD["containers"][0] | {"volumeMounts": [{"name": "v", "mountPath": "m"}]}],
    "volumes": [{"name": "v", "host": "/etc"}],
}


def test_head_tells_that_pods_are_supported(api: Api) -> None:
    answer = api("HEAD", "/v2/pods")
    assert answer.status_code == 200
    assert answer.headers["X-Marathon-Leader"] == "http://127.0.0.1:8080"


def test_every_answer_carries_marathons_headers(api: Api) -> None:
    for path in ("/v2/pods", "/v2/pods/none", "/nowhere", "/ping"):
        headers = api("GET", path).headers
        assert headers["Cache-Control"] == "no-cache, no-store, must-revalidate"
        assert headers["Pragma"] == "no-cache"
        assert headers["Expires"] == "0"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-XSS-Protection"] == "1; mode=block"
        assert headers["X-Marathon-Leader"] == "http://127.0.0.1:8080"


def test_a_posted_pod_is_stored_normalised_and_shown(api: Api) -> None:
    posted = api("POST", "/v2/pods", json=POD)
    assert posted.status_code == 201
    assert posted.headers["Location"] == "/v2/pods/product/web"
    assert posted.headers["Marathon-Deployment-Id"]
    assert posted.headers["Content-Type"] == "application/json"
    body = posted.json()
    assert body["networks"] == [{"name": "dcos", "mode": "container"}]
    assert body["role"] == "*"
    assert body["version"] == "1970-01-12T13:46:40.000Z"
    assert api("GET", "/v2/pods/product/web").json() == body
    assert api("GET", "/v2/pods").json() == [body]


def test_a_second_pod_of_that_id_is_refused(api: Api, loop: FakeLoop) -> None:
    api("POST", "/v2/pods", json=POD)
    before = dict(loop.world.definitions)
    again = api("POST", "/v2/pods", json=POD | {"scaling": {"instances": 5}})
    assert again.status_code == 409
    assert "/product/web" in again.json()["message"]
    assert "already exists" in again.json()["message"]
    assert loop.world.definitions == before


def test_put_creates_and_updates(api: Api, loop: FakeLoop) -> None:
    created = api("PUT", "/v2/pods/product/web", json=POD)
    loop.run_all()
    assert created.status_code == 200
    assert "Location" not in created.headers
    assert created.headers["Marathon-Deployment-Id"]
    updated = api("PUT", "/v2/pods//product/web/", json=POD | {"scaling": {"instances": 3}})
    assert updated.status_code == 200
    assert updated.json()["scaling"] == {"kind": "fixed", "instances": 3}
    assert updated.json()["version"] > created.json()["version"]


def test_putting_what_get_shows_changes_nothing(api: Api) -> None:
    api("POST", "/v2/pods", json=POD)
    shown = api("GET", "/v2/pods/product/web").json()
    assert api("PUT", "/v2/pods/product/web", json=shown).json() == shown


def test_whatever_shows_a_definition_it_can_be_sent_back_where_unknown_keys_are_refused() -> None:
    """Tools read a definition, change a member, and send all of it."""
    loop = FakeLoop(replace(SETTINGS, strict_definitions=True))
    api = Api(loop)
    sent = POD | {"user": "nobody", "environment": {"A": "b"}, "scheduling": {"placement": {"constraints": []}}}
    first = api("POST", "/v2/pods", json=sent).json()
    loop.run_all()
    path = "/v2/pods/product/web"
    definitions = [
        api("GET", "/v2/pods").json()[0],
        api("GET", path).json(),
        api("GET", f"{path}::versions/{first['version']}").json(),
        api("GET", f"{path}::status?embed=podexec").json()["spec"],
        api("GET", "/v2/groups/product").json()["pods"][0]["spec"],
    ]
    for shown in definitions:
        answer = api("PUT", f"{path}?force=true", json=shown)
        assert (answer.status_code, answer.json()) == (200, first)


def test_a_pod_in_a_group_may_have_the_groups_role(api: Api) -> None:
    assert api("POST", "/v2/pods", json=POD | {"role": "product"}).json()["role"] == "product"
    refused = api("PUT", "/v2/pods/product/web", json=POD | {"role": "web"})
    assert refused.status_code == 422
    assert refused.json()["details"] == [{"path": "/role", "errors": ["must be one of *, product, not web"]}]


def test_a_pod_may_keep_the_role_it_has_though_groups_insist_on_theirs_now(loop: FakeLoop, api: Api) -> None:
    shown = api("POST", "/v2/pods", json=POD).json()
    later = FakeLoop(replace(SETTINGS, new_group_enforce_role=EnforceRole.TOP))
    for record in (*loop.world.definitions.values(), *loop.world.pods.values()):
        later.world.put(record)
    api = Api(later)
    assert api("PUT", "/v2/pods/product/web", json=shown).json() == shown
    assert api("PUT", "/v2/pods/product/web", json=shown | {"role": "old"}).status_code == 422
    assert api("POST", "/v2/pods", json=shown | {"id": "/product/other"}).status_code == 422
    assert api("PUT", "/v2/pods/product/web", json=POD).json()["role"] == "product"


def test_put_under_another_id_is_refused_with_both_named(api: Api) -> None:
    answer = api("PUT", "/v2/pods/other", json=POD)
    assert answer.status_code == 400
    assert "'/other'" in answer.json()["message"]
    assert "'/product/web'" in answer.json()["message"]


def test_put_checks_the_definition_before_the_id(api: Api) -> None:
    assert api("PUT", "/v2/pods/other", json=POD | {"user": ""}).status_code == 422


def test_delete_removes_the_pod_at_once(api: Api) -> None:
    api("POST", "/v2/pods", json=POD)
    answer = api("DELETE", "/v2/pods/product/web?force=true")
    assert answer.status_code == 202
    assert answer.content == b""
    assert answer.headers["Marathon-Deployment-Id"] == answer.headers["Location"]
    for path in ("/v2/pods/product/web", "/v2/pods/product/web::status"):
        assert api("GET", path).status_code == 404
    assert api("DELETE", "/v2/pods/product/web").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/v2/pods/product/web::status",
        "/v2/pods//product/web::status",
        "/v2/pods//product/web/::status",
        "/v2/pods/product/web/::status/",
        "/v2/pods/%2Fproduct%2Fweb::status",
    ],
)
def test_status_of_one_pod(api: Api, path: str) -> None:
    api("POST", "/v2/pods", json=POD)
    status = api("GET", path)
    assert status.status_code == 200
    assert status.json()["id"] == "/product/web"
    assert status.json()["status"] == "DEGRADED"
    assert status.json()["spec"]["containers"][0]["name"] == "one"


@pytest.mark.parametrize("path", ["/v2/pods::status", "/v2/pods/::status", "/v2/pods//::status", "/v2/pods::status/"])
def test_status_of_all_pods(api: Api, path: str) -> None:
    assert api("GET", path).json() == []
    api("POST", "/v2/pods", json=POD)
    assert [status["id"] for status in api("GET", path).json()] == ["/product/web"]


@pytest.mark.parametrize("path", ["/v2/pods/product/web", "/v2/pods//product/web/", "/v2/pods/%2Fproduct%2Fweb"])
def test_the_spellings_of_an_id(api: Api, path: str) -> None:
    api("POST", "/v2/pods", json=POD)
    assert api("GET", path).json()["id"] == "/product/web"


@pytest.mark.parametrize("path", ["/v2/pods/none", "/v2/pods//none/", "/v2/pods/none::status"])
def test_an_unknown_pod_is_absent_in_marathons_words(api: Api, path: str) -> None:
    answer = api("GET", path)
    assert answer.status_code == 404
    assert answer.json() == {"message": "Pod '/none' does not exist", "details": []}


def test_schema_problems_are_told_by_path(api: Api, loop: FakeLoop) -> None:
    answer = api("POST", "/v2/pods", json={"containers": [{"name": "A", "resources": {"cpus": 0}}]})
    assert answer.status_code == 422
    assert answer.json()["message"] == "Invalid JSON"
    assert sorted(answer.json()["details"], key=lambda detail: str(detail["path"])) == [
        {"path": "/containers(0)/name", "errors": ["error.pattern"]},
        {"path": "/containers(0)/resources/cpus", "errors": ["error.min"]},
        {"path": "/id", "errors": ["error.path.missing"]},
    ]
    assert loop.asked == []


def test_unknown_keys_are_ignored_and_refused_where_the_operator_wants_that() -> None:
    pod = POD | {"instances": 3}
    assert Api(FakeLoop())("POST", "/v2/pods", json=pod).status_code == 201
    strict = FakeLoop(replace(SETTINGS, strict_definitions=True))
    answer = Api(strict)("POST", "/v2/pods", json=pod)
    assert answer.status_code == 422
    assert [detail["path"] for detail in answer.json()["details"]] == ["/instances"]
    assert strict.world.pods == {}


def test_repeated_keys_are_told_and_refused_where_the_operator_wants_that() -> None:
    """They are reported in a header and in the log, at every depth and however the key is spelled."""
    twice = r', "user": "a", "us\u0065r": "root", "labels": {"b\u202e\"": "", "b\u202e\"": ""}}'
    body = json.dumps(POD)[:-1] + twice
    for method, path in (("POST", "/v2/pods"), ("PUT", f"/v2/pods{POD['id']}")):
        with structlog.testing.capture_logs() as logged:
            answer = Api(FakeLoop())(method, path, content=body, headers=JSON_TYPE)
        assert answer.status_code in (200, 201), answer.text
        assert answer.headers["Warning"].startswith('299 podexec "/user: is given more than once; only the last one')
        assert [each["keys"][0] for each in logged if "keys" in each] == ["/user"]
        strict = FakeLoop(replace(SETTINGS, strict_definitions=True))
        answer = Api(strict)(method, path, content=body, headers=JSON_TYPE)
        assert answer.status_code == 422
        assert "/user" in [detail["path"] for detail in answer.json()["details"]]
        assert strict.world.pods == {}
    assert "Warning" not in Api(FakeLoop())("POST", "/v2/pods", json=POD).headers


def test_secrets_are_refused_where_the_operator_has_turned_them_off() -> None:
    pod = POD | {"secrets": {"db": {"source": "/db"}}, "environment": {"PASSWORD": {"secret": "db"}}}
    assert Api(FakeLoop())("POST", "/v2/pods", json=pod).status_code == 201
    without = FakeLoop(replace(SETTINGS, features=frozenset()))
    answer = Api(without)("POST", "/v2/pods", json=pod)
    assert answer.status_code == 422
    assert {detail["path"] for detail in answer.json()["details"]} == {"/secrets", "/environment"}
    assert without.world.pods == {}


def test_broken_rules_are_grouped_by_path(api: Api) -> None:
    twice = {"name": "http", "containerPort": 80}
    pod = POD | {"containers": [POD["containers"][0] | {"endpoints": [twice, twice]}]}
    answer = api("POST", "/v2/pods", json=pod)
    assert answer.status_code == 422
    assert answer.json()["message"] == "Object is not valid"
    [detail] = answer.json()["details"]
    assert detail["path"] == "/"
    assert len(detail["errors"]) == 2


def test_what_no_agent_can_run_is_refused_by_path(api: Api, loop: FakeLoop) -> None:
    loop.happens(AgentDescribed("A-S0", frozenset({"posix/cpu", "network/cni"})))
    answer = api("POST", "/v2/pods", json=HOST_VOLUME)
    assert answer.status_code == 422
    assert answer.json()["message"] == "Object is not valid"
    assert [detail["path"] for detail in answer.json()["details"]] == ["/volumes(0)/host"]
    assert loop.world.pods == {}


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("body", "headers", "status", "message"),
    [
        (b"", {}, 400, "The body is empty"),
        (b"{", {}, 415, "Content-Type must be application/json, not missing"),
        (b"{", {"Content-Type": "application/json; charset=utf-8"}, 400, "Invalid JSON"),
        (b"id: /a", {"Content-Type": "application/yaml"}, 415, "application/json"),
        (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "application/json"),
        (b" " * (LARGEST_BODY + 1), {"Content-Type": "application/merge-patch+json"}, 413, "larger"),
    ],
)
def test_bodies_that_cannot_be_read(
    api: Api, method: str, body: bytes, headers: dict[str, str], status: int, message: str
) -> None:
    answer = api(method, "/v2/pods" if method == "POST" else "/v2/pods/a", content=body, headers=headers)
    assert answer.status_code == status
    assert message in answer.json()["message"]


def test_the_parsers_words_are_the_details_of_invalid_json(api: Api) -> None:
    details = api("POST", "/v2/pods", content=b'{"id": }', headers=JSON_TYPE).json()["details"]
    assert isinstance(details, str)
    assert "column" in details


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/v2/pods"), ("DELETE", "/v2/pods"), ("POST", "/v2/pods/a"), ("PATCH", "/v2/pods/a"), ("POST", "/ping")],
)
def test_methods_that_do_not_exist(api: Api, method: str, path: str) -> None:
    answer = api(method, path)
    assert answer.status_code == 405
    assert method in answer.json()["message"]


def test_an_answer_405_names_the_methods_of_all_routes_to_the_path(api: Api) -> None:
    assert api("PATCH", "/v2/pods").headers["Allow"] == "GET, HEAD, POST"
    assert api("PATCH", "/v2/pods/a").headers["Allow"] == "DELETE, GET, HEAD, PUT"


@pytest.mark.parametrize("path", ["/v2/apps", "/docs/x", "/redoc", "/v2/pods/a::nonsense", "/v2/pods/a::status/b"])
def test_paths_that_do_not_exist(api: Api, path: str) -> None:
    answer = api("GET", path)
    assert answer.status_code == 404
    assert answer.json() == {"message": f"URI not found: {path}"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v2/pods/%1B%5B31m", None),
        ("GET", "/v2/none/%C2%9B31m", None),
        ("GET", "/v2/groups/%E2%80%AE", None),
        ("GET", "/v2/groups/versions/%1B%5B31m", None),
        ("GET", "/v2/pods/web::versions/%07", None),
        ("DELETE", "/v2/pods/web?force=%1B%5B31m", None),
        ("DELETE", "/v2/pods/web::instances", ["\x1b[31m"]),
        ("POST", "/v2/pods", POD | {"networks": [{"mode": "container", "name": "\x1b[31m"}], "\x1b]0;": 1}),
    ],
)
def test_what_a_refusal_quotes_obeys_no_terminal(method: str, path: str, body: Any) -> None:
    api = Api(FakeLoop(replace(SETTINGS, strict_definitions=True)))
    answer = api(method, path, json=body) if body is not None else api(method, path)
    assert answer.status_code >= 400
    said = json.dumps(answer.json(), ensure_ascii=False)
    assert not set("\x1b\x07\x9b\u202e") & set(answer.text), answer.text
    assert "\\u00" not in said, "not even in the decoded text"
    assert "\\\\x" in said or "\\\\u202e" in said


def test_a_scheduler_that_is_stopping_says_so(api: Api, loop: FakeLoop) -> None:
    loop.failure = LoopError("the scheduler is stopping; ask again when it is back")
    answer = api("POST", "/v2/pods", json=POD)
    assert answer.status_code == 503
    assert "stopping" in answer.json()["message"]


def test_a_fault_is_told_without_its_insides(api: Api, loop: FakeLoop) -> None:
    loop.failure = RuntimeError("secret detail")
    answer = api("POST", "/v2/pods", json=POD)
    assert answer.status_code == 500
    assert answer.json() == {"message": "The scheduler failed to answer this request; its log says why."}


def test_long_answers_are_compressed_for_who_accepts_it(api: Api) -> None:
    for number in range(20):
        api("POST", "/v2/pods", json=POD | {"id": f"/pod{number}"})
    assert api("GET", "/v2/pods", headers={"Accept-Encoding": "gzip"}).headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in api("GET", "/v2/pods", headers={"Accept-Encoding": "identity"}).headers


def test_large_definitions_are_read_on_another_thread_with_the_same_outcome(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []

    def read_and_note(body: bytes, site: Site) -> PodDefinition | Problems:
        threads.append(threading.get_ident())
        return read(body, site)

    monkeypatch.setattr("scheduler.api.pods.read", read_and_note)
    long = {"labels": {"long": "x" * 100_000}}
    assert api("POST", "/v2/pods", json=POD).status_code == 201
    assert api("POST", "/v2/pods", json=POD | long | {"id": "/a"}).status_code == 201
    refused = api("POST", "/v2/pods", json=POD | long | {"id": "/b", "containers": []})
    assert refused.status_code == 422
    assert refused.json()["details"][0]["path"] == "/containers"
    small, *large = threads
    assert small not in large


def test_a_pod_of_very_many_containers_is_refused(api: Api) -> None:
    many = [{"name": f"c{number}", "resources": {"cpus": 0.01, "mem": 1}} for number in range(9500)]
    refused = api("POST", "/v2/pods", json={"id": "/many", "containers": many})
    assert refused.status_code == 422
    (detail,) = refused.json()["details"]
    assert detail["path"] == "/containers"
    assert detail["errors"] == ["has 9500 entries, but at most 500 are allowed"]


def test_the_policy_refuses_with_details_and_warns_in_a_header() -> None:
    rule = {"name": "users", "forbid": ["rootUser"], "message": 'Set "user".'}
    for method, path in (("POST", "/v2/pods"), ("PUT", f"/v2/pods{POD['id']}")):
        loop = FakeLoop(replace(SETTINGS, policy=read_policy({"rules": [rule]})))
        refused = Api(loop)(method, path, json=POD)
        assert refused.status_code == 422
        error = "container one runs as root (rule 'users' of the policy). Set \"user\"."
        assert refused.json() == {
            "message": "The policy of this scheduler does not accept this pod",
            "details": [{"path": "/containers(0)/user", "errors": [error]}],
        }
        assert loop.world.pods == {}
        loop = FakeLoop(replace(SETTINGS, policy=read_policy({"rules": [rule | {"effect": "warn"}]})))
        accepted = Api(loop)(method, path, json=POD)
        assert accepted.is_success
        quoted = error.replace('"', '\\"')
        assert accepted.headers["Warning"] == f'299 podexec "/containers(0)/user: {quoted}"'
