"""A browser for each module; a profile and a scheduler for each test."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.ui.browser import Watched, chromium
from tests.ui.desk import Desk


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium without a window.

    While it runs, an event loop runs in this thread, which tests of other modules, with loops of their own, must not
    find running.
    """
    with chromium() as running:
        yield running


@pytest.fixture
def desk() -> Iterator[Desk]:
    """A scheduler that everybody may use."""
    with Desk() as running:
        yield running


@pytest.fixture
def watched(browser: Browser, desk: Desk) -> Iterator[Watched]:
    """A profile whose pages may ask only the desk."""
    profile = Watched(browser)
    yield profile
    profile.close(desk.host)


@pytest.fixture
def page(watched: Watched) -> Page:
    """A tab of it."""
    return watched.page()
