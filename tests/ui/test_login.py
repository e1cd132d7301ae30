"""Logging in: what somebody without credentials sees, and what a user may not do."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from scheduler.api.access import Access
from tests.api.teams import TOKENS, bearer, teams_file
from tests.ui.browser import Watched
from tests.ui.desk import Desk, pod
from tests.ui.test_pods import row


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A scheduler of two teams, which also takes a password."""
    with Desk(Access("me:sécret:", principals=teams_file(tmp_path))) as running:
        running.add(pod("/team-a/web"), **bearer("root"))
        running.add(pod("/team-b/web"), **bearer("root"))
        running.launch()
        yield running


@pytest.fixture
def watched(browser: Browser, desk: Desk) -> Iterator[Watched]:
    """A profile whose pages may be refused."""
    profile = Watched(browser)
    profile.expected.append("401")
    yield profile
    profile.close(desk.host)


def log_in(page: Page, desk: Desk, token: str) -> None:
    """With a token."""
    page.goto(f"{desk.url}/ui/")
    page.get_by_label("token").check()
    page.get_by_label("Token", exact=True).fill(token)
    page.get_by_role("button", name="Log in").click()


def test_a_user_sees_its_pods_and_logs_out(desk: Desk, page: Page) -> None:
    log_in(page, desk, TOKENS["alice"])
    expect(page.get_by_role("status")).to_have_text("1 pod, no problems")
    expect(page.get_by_role("banner")).to_contain_text("alice")
    page.reload()
    expect(row(page, "web")).to_be_visible()
    kept = page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])")
    assert TOKENS["alice"] not in kept
    assert "session" not in kept
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


def test_a_password_is_taken_and_a_wrong_one_refused(desk: Desk, page: Page) -> None:
    page.goto(f"{desk.url}/ui/")
    page.get_by_label("User").fill("me")
    page.get_by_label("Password", exact=True).fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("not valid")
    page.get_by_label("Password", exact=True).fill("sécret:")
    page.get_by_label("Password", exact=True).press("Enter")
    expect(page.get_by_role("status")).to_have_text("2 pods, no problems")
