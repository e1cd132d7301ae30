"""Sessions of the web interface: a cookie stands for credentials, and for nothing that they would not allow."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from scheduler.api.access import EVERYONE, Access
from scheduler.api.sessions import COOKIE, Sessions
from tests.access.principals import rule, token_record, write
from tests.api.app import app_over
from tests.api.teams import RULES, TOKENS, USERS, bearer, teams_file
from tests.api.test_pods import POD
from tests.cluster.support import wait_for
from tests.fakes.loop import FakeLoop

TEAM_POD = POD | {"id": "/team-a/web"}


class Browser:
    """Makes requests to one app, and keeps its cookies. Unlike a browser, it also reads them."""

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self._runner = asyncio.Runner()  # one loop, as the file of users is read again beside requests
        self.cookies: dict[str, str] = {}

    def __call__(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """The answer to one request."""

        async def ask() -> httpx2.Response:
            transport = httpx2.ASGITransport(app=self._app, raise_app_exceptions=False)
            headers = {**more.pop("headers", {})}
            if self.cookies:
                headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            async with httpx2.AsyncClient(transport=transport, base_url="http://scheduler.test") as client:
                return await client.request(method, path, headers=headers, **more)

        answer = self._runner.run(ask())
        if COOKIE in answer.cookies:
            self.cookies[COOKIE] = answer.cookies[COOKIE]
        return answer

    def close(self) -> None:
        """Close its loop."""
        self._runner.close()

    def log_in(self, user: str, **headers: str) -> str:
        """Log in with a token; returns the cookie as it was set."""
        answer = self("POST", "/session", headers={**bearer(user), **headers})
        assert answer.status_code == 204, answer.text
        return str(answer.headers["set-cookie"])


@pytest.fixture
def browsers(loop: FakeLoop) -> Iterator[Callable[[Access], Browser]]:
    """Makes browsers of schedulers."""
    with ExitStack() as stack:

        def make(access: Access) -> Browser:
            made = Browser(app_over(loop, access))
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def browser(browsers: Callable[[Access], Browser], tmp_path: Path) -> Browser:
    """A browser of a scheduler with two teams."""
    return browsers(Access(principals=teams_file(tmp_path)))


def test_a_session_is_its_user(browser: Browser) -> None:
    assert browser("GET", "/session").status_code == 401
    browser.log_in("alice")
    assert browser("GET", "/session").json()["user"] == "alice"
    assert browser("POST", "/v2/pods", json=TEAM_POD).status_code == 201
    assert browser("POST", "/v2/pods", json=POD | {"id": "/team-b/x"}).status_code == 403
    assert [each["id"] for each in browser("GET", "/v2/pods::status?view=summary").json()] == ["/team-a/web"]


def test_the_cookie_is_for_the_schedulers_own_pages_and_for_no_script(browser: Browser) -> None:
    plain = browser.log_in("alice")
    assert "HttpOnly" in plain
    assert "samesite=strict" in plain.lower()
    assert "path" not in plain.lower(), "a proxy's prefix is not known"
    assert "secure" not in plain.lower()
    secure = browser("POST", "/session", headers={**bearer("alice"), "Origin": "https://scheduler.test"})
    assert "secure" in secure.headers["set-cookie"].lower()
    assert TOKENS["alice"] not in plain


def test_logging_out_ends_it(browser: Browser) -> None:
    browser.log_in("alice")
    kept = dict(browser.cookies)
    assert browser("DELETE", "/session").status_code == 204
    browser.cookies = kept
    assert browser("GET", "/session").status_code == 401


def test_a_revoked_token_ends_it_and_does_not_lock_the_address_out(
    browsers: Callable[[Access], Browser], tmp_path: Path
) -> None:
    file = teams_file(tmp_path)
    browser = browsers(Access(principals=file))
    browser.log_in("alice")
    users = {name: {"tokens": [token_record(TOKENS[name])] if name != "alice" else []} for name in USERS}
    write(file, users, *RULES, rule("root", "/x"))
    wait_for("the end of the session", lambda: browser("GET", "/session").status_code == 401)
    for _ in range(12):  # more than may fail in a row
        assert browser("GET", "/v2/pods").status_code == 401
    browser.cookies.clear()
    assert browser("GET", "/v2/pods", headers=bearer("boss")).status_code == 200


def test_what_the_caller_may_do(browser: Browser) -> None:
    browser.log_in("alice")
    everywhere = browser("GET", "/session").json()
    assert "operate" in everywhere["permissions"]
    assert "operate" in browser("GET", "/session?pod=/team-a/db").json()["permissions"]
    assert browser("GET", "/session?pod=/team-b/db").json()["permissions"] == []
    assert browser("GET", "/session?pod=/a::b").status_code == 404


def test_without_access_control_there_is_nothing_to_log_in_to(browsers: Callable[[Access], Browser]) -> None:
    browser = browsers(EVERYONE)
    shown = browser("GET", "/session").json()
    assert (shown["user"], shown["isSession"]) == (None, False)
    assert "exec" in shown["permissions"]
    assert browser("POST", "/session", headers={"Authorization": "Bearer x"}).status_code == 400


@pytest.mark.parametrize("value", ["", "x", "x" * 200, "a\x01 "], ids=["empty", "unknown", "long", "odd"])
def test_other_cookies_stand_for_nobody(browser: Browser, value: str) -> None:
    browser.log_in("alice")
    browser.cookies[COOKIE] = value
    assert browser("GET", "/session", headers={}).status_code in (400, 401)


def test_own_credentials_come_before_the_cookie(browser: Browser) -> None:
    browser.log_in("alice")
    assert browser("GET", "/session", headers=bearer("boss")).json()["user"] == "boss"


def test_a_page_that_shows_refusals_itself_is_not_asked_for_a_password_by_the_browser(
    browsers: Callable[[Access], Browser],
) -> None:
    browser = browsers(Access("me:secret"))
    assert browser("GET", "/session").headers["www-authenticate"].startswith("Basic ")
    answer = browser("GET", "/session", headers={"X-Requested-With": "podexec-ui"})
    assert answer.headers["www-authenticate"].startswith("xBasic ")


def test_an_unused_session_ends_and_the_number_of_sessions_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    first = sessions.start("Bearer a")

    def asked(number: str) -> str | None:
        headers = [(b"cookie", f"{COOKIE}={number}".encode())]
        return sessions.authorization(HTTPConnection({"type": "http", "headers": headers}))

    now[0] += 11 * 3600
    assert asked(first) == "Bearer a"
    now[0] += 11 * 3600
    assert asked(first) == "Bearer a", "it was used in between"
    now[0] += 13 * 3600
    assert asked(first) is None
    monkeypatch.setattr("scheduler.api.sessions._MOST", 2)
    numbers = [sessions.start(f"Bearer {each}") for each in "abc"]
    assert [asked(each) for each in numbers] == [None, "Bearer b", "Bearer c"]
