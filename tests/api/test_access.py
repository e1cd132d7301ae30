"""Access to the API: credentials, and other origins."""

import base64

import pytest

from scheduler.api.access import Access
from tests.api.app import Api
from tests.api.test_pods import POD
from tests.fakes.loop import FakeLoop

SECRET = "user:pass:wörd"
OTHER = "http://ui.test"


def basic(text: str, scheme: str = "Basic") -> dict[str, str]:
    """The header that carries credentials."""
    return {"Authorization": f"{scheme} {base64.b64encode(text.encode()).decode()}"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("user:pass"),
        basic(SECRET + "x"),
        basic(SECRET, "Bearer"),
        {"Authorization": "Basic"},
        {"Authorization": "Basic ===="},
        {"Authorization": f"Basic {SECRET.encode('latin-1').decode('latin-1')}".encode().decode("latin-1")},
    ],
)
@pytest.mark.parametrize("path", ["/v2/pods", "/ping", "/metrics", "/none"])
def test_without_the_credentials_nothing_is_answered(path: str, headers: dict[str, str]) -> None:
    api = Api(FakeLoop(), Access(SECRET))
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = api("GET", path, headers=encoded)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="podexec", charset="UTF-8"'
    assert answer.headers["X-Marathon-Leader"] == "http://127.0.0.1:8080"
    assert "password" in answer.json()["message"]


def test_without_the_credentials_nothing_is_changed() -> None:
    loop = FakeLoop()
    assert Api(loop, Access(SECRET))("POST", "/v2/pods", json=POD).status_code == 401
    assert loop.asked == []


@pytest.mark.parametrize("scheme", ["Basic", "basic"])
def test_with_the_credentials_all_is_as_ever(scheme: str) -> None:
    api = Api(FakeLoop(), Access(SECRET))
    assert api("POST", "/v2/pods", json=POD, headers=basic(SECRET, scheme)).status_code == 201
    assert api("GET", "/ping", headers=basic(SECRET, scheme)).text == "pong"


def test_other_origins_are_not_named_unless_they_are_allowed() -> None:
    for access in (Access(), Access(origins=("http://friend.test",))):
        answer = Api(FakeLoop(), access)("GET", "/v2/pods", headers={"Origin": OTHER})
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_an_allowed_origin_may_read() -> None:
    api = Api(FakeLoop(), Access(origins=("http://friend.test", OTHER)))
    assert api("GET", "/v2/pods", headers={"Origin": OTHER}).headers["Access-Control-Allow-Origin"] == OTHER
    assert "Access-Control-Allow-Origin" not in api("GET", "/v2/pods").headers
    everyone = Api(FakeLoop(), Access(origins=("*",)))
    assert everyone("GET", "/v2/pods", headers={"Origin": OTHER}).headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("DELETE", 400)])
def test_a_browser_may_ask_first_without_credentials_and_hears_that_only_reading_is_allowed(
    method: str, status: int
) -> None:
    api = Api(FakeLoop(), Access(SECRET, (OTHER,)))
    question = {
        "Origin": OTHER,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "Authorization",
    }
    answer = api("OPTIONS", "/v2/pods", headers=question)
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD"
    assert answer.headers["Access-Control-Max-Age"] == "86400"
