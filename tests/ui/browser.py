"""A Chromium whose every page is watched: no error, no other host, and the strict policy."""

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Response, expect, sync_playwright

from scheduler.api.ui import POLICY

DEADLINE = 30_000.0  # milliseconds for whatever a page has to show


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    program = shutil.which("chromium")
    assert program is not None, "Chromium is missing: python -P -m localmesos.apt --install --with chromium"
    expect.set_options(timeout=DEADLINE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"],  # the pages are ours
        )
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A profile of its own, and what was wrong with its pages.

    Attributes:
        problems: what the pages did that they must not.
        expected: parts of console errors that the test provokes.
    """

    def __init__(self, browser: Browser, **options: Any) -> None:
        self.context: BrowserContext = browser.new_context(**{"locale": "en-GB", "timezone_id": "UTC"} | options)
        self.context.set_default_timeout(DEADLINE)
        self.problems: list[str] = []
        self.expected: list[str] = []
        self.hosts: set[str] = set()
        self.context.on("page", self._watch)
        self.context.on("response", self._check)
        self.context.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def page(self) -> Page:
        """A new tab."""
        return self.context.new_page()

    def close(self, *hosts: str) -> None:
        """Close it. Fails if a page had an error, or asked another host than these."""
        self.context.close()
        unexpected = [each for each in self.problems if not any(part in each for part in self.expected)]
        assert not unexpected, unexpected
        others = {each for each in self.hosts if each and each not in hosts}
        assert not others, f"pages asked other hosts: {others}"

    def _watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on(
            "console",
            lambda message: (
                self.problems.append(f"console: {message.text}") if message.type in ("error", "warning") else None
            ),
        )

    def _check(self, answer: Response) -> None:
        if answer.request.resource_type == "document" and answer.status == 200:
            found = answer.headers.get("content-security-policy")
            if found != POLICY:
                self.problems.append(f"policy of {answer.url}: {found}")
