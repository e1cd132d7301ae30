"""Requests that a browser makes for a web page: the hosts they name, the pages they come from, the types of bodies."""

import json

import pytest

from scheduler.api.access import Access
from scheduler.api.executor import ExecutorFile
from scheduler.api.origins import Authority, hosts_of
from tests.api.app import Api
from tests.api.inside import live_inside
from tests.api.test_access import basic
from tests.api.test_inside import run
from tests.api.test_pods import JSON_TYPE, POD
from tests.fakes.loop import FakeLoop

NAMED = hosts_of(["podexec.example.com", "ui.example.com:8443"], ["scheduler.test"])
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Version": "13",
}
# What starts or ends something, with a body and without.
WRITES = [
    ("POST", "/v2/pods"),
    ("PUT", "/v2/pods/product/web"),
    ("DELETE", "/v2/pods/product/web"),
    ("DELETE", "/v2/pods/product/web::instances/i"),
    ("DELETE", "/v2/groups/product"),
    ("DELETE", "/v2/deployments/d"),
    ("POST", "/v2/deployments/d/pause"),
    ("POST", "/v2/deployments/d/resume"),
    ("DELETE", "/v2/queue/product/web/delay"),
    ("DELETE", "/v2/leader"),
    ("PUT", "/v2/pods/product/web::archive?path=/etc"),
    ("GET", "/v2/pods/product/web::archive?path=/etc"),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("localhost", ("localhost", None)),
        ("LocalHost.:8080", ("localhost", 8080)),
        ("10.0.0.7:", ("10.0.0.7", None)),
        ("[::1]:8080", ("::1", 8080)),
        ("[FE80::1]", ("fe80::1", None)),
        ("a_b-c.example", ("a_b-c.example", None)),
        ("", None),
        (".", None),
        (":8080", None),
        ("[]", None),
        ("[localhost]", None),
        ("::1", None),
        ("a b", None),
        ("a,b", None),
        ("a/b", None),
        ("a:b", None),
        ("a:123456", None),
        ("localhost\u0660", None),
        ("localhost\n", None),
        ("localhost@evil.example", None),
        ("evil.example#@localhost", None),
        ("x" * 300, None),
    ],
)
def test_what_is_a_host(text: str, expected: tuple[str, int | None] | None) -> None:
    assert Authority.parse(text) == (None if expected is None else Authority(*expected))


@pytest.mark.parametrize(
    "host",
    [
        "scheduler.test",
        "SCHEDULER.test.:9999",
        "podexec.example.com",
        "ui.example.com",
        "localhost:1234",
        "127.0.0.1",
        "192.168.7.7:8080",
        "[::1]:8080",
        "[2001:DB8::7]",
    ],
)
def test_requests_name_this_api(host: str) -> None:
    """An address in place of a name cannot be rebound, so every address is allowed."""
    assert Api(FakeLoop(), hosts=NAMED)("GET", "/v2/pods", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "evil.scheduler.test",
        "scheduler.test.evil.example",
        "example.com",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1.nip.io",
        "2130706433",
        "*",
    ],
)
def test_a_foreign_name_is_refused_whatever_is_asked(method: str, host: str) -> None:
    loop = FakeLoop()
    answer = Api(loop, Access(origins=("*",)), hosts=NAMED)(method, "/v2/pods/a", headers={"Host": host})
    assert answer.status_code in (400, 421)
    if answer.status_code == 421:
        name = host.partition(":")[0]
        assert answer.json()["message"].endswith(f"start the scheduler with --allowed-hosts {name}")
    assert loop.asked == []


@pytest.mark.parametrize(
    "headers",
    [
        [("Host", "")],
        [("Host", "scheduler.test"), ("Host", "scheduler.test")],
        [("Host", "scheduler.test"), ("Host", "evil.example")],
        [("Host", "user:password@scheduler.test")],
        [("Host", "scheduler.test, evil.example")],
    ],
)
def test_a_request_has_one_host(headers: list[tuple[str, str]]) -> None:
    answer = Api(FakeLoop(), hosts=NAMED)("GET", "/v2/pods", headers=headers)
    assert (answer.status_code, "one Host header" in answer.json()["message"]) == (400, True)


def test_foreign_names_are_refused_before_passwords_are_compared() -> None:
    api = Api(FakeLoop(), Access("me:secret"), hosts=NAMED)
    for headers in ({}, basic("me:secret")):
        assert api("GET", "/v2/pods", headers={"Host": "evil.example", **headers}).status_code == 421


def test_an_operator_may_allow_every_host() -> None:
    api = Api(FakeLoop(), hosts=hosts_of(["*"]))
    assert api("GET", "/v2/pods", headers={"Host": "anything.example"}).status_code == 200
    assert api("GET", "/v2/pods", headers={"Host": "a b"}).status_code == 400
    foreign = {"Host": "anything.example", "Origin": "http://evil.example"}
    assert api("DELETE", "/v2/pods/a", headers=foreign).status_code == 403


def test_agents_fetch_the_executor_by_whatever_name(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("executor") / "executor"
    place.write_bytes(b"a program")
    file = ExecutorFile.open(place)
    api = Api(FakeLoop(), executor=file, hosts=NAMED)
    answer = api("GET", f"/executor/{file.sha256}", headers={"Host": "whatever.agents.call.it"})
    file.close()
    assert (answer.status_code, answer.content) == (200, b"a program")


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://scheduler.test:3000"},
        {"Origin": "http://localhost"},
        {"Origin": "http://scheduler.test@evil.example"},
        {"Origin": "http://scheduler.test/"},
        {"Origin": "file://scheduler.test"},
        {"Origin": "http://[scheduler.test"},
        {"Origin": "http://ui.example.com"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "Cross-Site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "anything new"},
        {"Origin": "http://scheduler.test", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_foreign_pages_change_nothing(method: str, path: str, headers: dict[str, str]) -> None:
    """With the browser's stored credentials too, and whatever the body is; CORS allows reading only."""
    loop = FakeLoop()
    api = Api(loop, Access("me:secret", ("*",)), hosts=NAMED)
    answer = api(method, path, headers=basic("me:secret") | JSON_TYPE | headers, content=json.dumps(POD))
    assert (answer.status_code, "may not change anything here" in answer.json()["message"]) == (403, True)
    assert loop.asked == []


def test_two_origins_are_refused_if_one_is_foreign() -> None:
    headers = [("Origin", "http://scheduler.test"), ("Origin", "http://evil.example")]
    assert Api(FakeLoop())("DELETE", "/v2/pods/a", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://scheduler.test"},
        {"Origin": "http://SCHEDULER.test:80", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Host": "scheduler.test:8080", "Origin": "http://scheduler.test:8080"},
        {"Host": "scheduler.test", "Origin": "https://scheduler.test", "Sec-Fetch-Site": "same-origin"},
        {"Host": "[::1]:8080", "Origin": "http://[::1]:8080"},
        # A proxy that names another host.
        {"Host": "127.0.0.1:8080", "Origin": "https://podexec.example.com"},
        {"Host": "127.0.0.1:8080", "Origin": "https://ui.example.com:8443"},
    ],
)
def test_clients_and_own_pages_change_pods(headers: dict[str, str]) -> None:
    api = Api(FakeLoop(), hosts=NAMED)
    assert api("POST", "/v2/pods", json=POD, headers=headers).status_code == 201
    assert api("DELETE", "/v2/pods/product/web?force=true", headers=headers).status_code == 202


@pytest.mark.parametrize("site", ["cross-site", "same-site", "same-origin"])
def test_links_to_the_api_work(site: str) -> None:
    """Mesos' own page has one; the page it is on cannot read what is there."""
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}
    assert Api(FakeLoop())("GET", "/v2/pods", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "kind", [None, "", "text/plain", "multipart/form-data; boundary=b", "application/x-www-form-urlencoded"]
)
@pytest.mark.parametrize(("method", "path"), [each for each in WRITES if each[0] != "GET"])
def test_a_body_of_a_type_that_forms_have_is_refused(method: str, path: str, kind: str | None) -> None:
    loop = FakeLoop()
    headers = {} if kind is None else {"Content-Type": kind}
    answer = Api(loop)(method, path, content=json.dumps(POD), headers=headers)
    wanted = "application/x-tar" if "archive" in path else "application/json"
    told = f"Content-Type must be {wanted}, not {(kind or 'missing').partition(';')[0]}"
    assert (answer.status_code, answer.json()["message"]) == (415, told)
    assert loop.asked == []


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON;charset=utf-8", "application/merge-patch+json"])
def test_a_body_in_json_is_read(kind: str) -> None:
    answer = Api(FakeLoop())("POST", "/v2/pods", content=json.dumps(POD), headers={"Content-Type": kind})
    assert answer.status_code == 201


def test_foreign_pages_and_names_run_no_commands() -> None:
    async def scenario() -> None:
        async with live_inside() as (api, client):
            for headers, status in (
                ({"Origin": "http://evil.example"}, 403),
                ({"Origin": "null"}, 403),
                ({"Origin": f"http://localhost:{api.address.rpartition(':')[2]}"}, 403),
                ({"Sec-Fetch-Site": "cross-site"}, 403),
                ({"Host": "evil.example"}, 421),
                ({"Host": "evil.example", "Origin": "http://evil.example"}, 421),
                ({"Origin": f"http://{api.address}"}, 404),
                ({"Origin": f"http://{api.address}", "Sec-Fetch-Site": "cross-site"}, 404),
                ({}, 404),
            ):
                answer = await client.get("/v2/pods/none::exec", headers=HANDSHAKE | headers)
                assert answer.status_code == status, headers

    run(scenario)


@pytest.mark.parametrize("text", ["a b", "http://a", "a/b", "user@a", "a:b", "[a]"])
def test_what_is_no_host_is_not_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="is not HOST or HOST:PORT"):
        hosts_of([text])


def test_hosts_are_named_in_any_writing() -> None:
    hosts = hosts_of(["BÜCHER.example", "::1", "[fe80::7]:80", "Upper.Example."])
    assert hosts.names == {"xn--bcher-kva.example", "::1", "fe80::7", "upper.example"}
