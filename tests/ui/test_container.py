"""The page of one container: its log, a shell, files, environment and ends."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from scheduler.model.records import Condition
from tests.fakes.inside import FakeSession
from tests.ui.desk import Desk, pod

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def task(desk: Desk) -> str:
    """The task of the one container of the one instance of /shop/web."""
    variables = {"MODE": "production", "KEY": {"secret": "key"}, "ODD": EVIL}
    desk.add(pod("/shop/web", environment=variables, secrets={"key": {"source": "/key"}}))
    [task] = desk.launch()
    return task


def show(page: Page, desk: Desk, tab: str = "") -> None:
    """Go to the page of the container, by the links."""
    page.goto(f"{desk.url}/ui/#/pod/shop/web")
    page.get_by_role("link", name="app", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("app")
    if tab:
        page.get_by_role("link", name=tab, exact=True).click()


def write(desk: Desk, task: str, data: bytes, stream: str = "stdout") -> None:
    """The container writes."""
    desk.run(lambda api: api.inside.write(api.inside.runs[task], data, stream))


def test_a_log_is_followed_searched_and_shown_as_text(desk: Desk, page: Page, task: str) -> None:
    write(desk, task, f"first {EVIL}\n\x1b[31mred\x1b[0m and \x1b[2J plain \u202e\n".encode())
    show(page, desk)
    lines = page.locator(".line")
    expect(lines).to_have_count(2)
    expect(lines.first).to_have_text(f"first {EVIL}")
    expect(lines.nth(1)).to_have_text("red and \\x1b[2J plain \\u202e")
    expect(lines.nth(1).locator(".ansi-red")).to_have_text("red")
    write(desk, task, b"to stderr\n", "stderr")
    expect(page.locator(".line.stderr")).to_have_text("e to stderr")
    page.get_by_label("Stream").select_option("stdout")
    expect(page.locator(".line.stderr")).to_have_count(0)
    page.keyboard.press("Escape")
    page.get_by_label("Search the log").fill("FIRST")
    expect(lines).to_have_count(1)
    expect(page.get_by_role("status").filter(has_text="lines")).to_contain_text("1 of 2 lines")


def test_a_long_log_stays_at_its_end_until_somebody_scrolls(desk: Desk, page: Page, task: str) -> None:
    write(desk, task, b"".join(b"line %d\n" % each for each in range(1500)))
    show(page, desk)
    expect(page.locator(".line").last).to_have_text("line 1499")
    assert page.locator(".line").count() < 200, "only the visible lines are in the document"
    page.locator(".log").evaluate("box => box.scrollTop = 0")
    expect(page.locator(".line").first).to_have_text("line 0")
    write(desk, task, b"one more\n")
    expect(page.get_by_text("1501 lines")).to_be_visible()
    expect(page.locator(".line").first).to_have_text("line 0")
    page.get_by_role("button", name="To the newest line").click()
    expect(page.locator(".line").last).to_have_text("one more")


def test_times_of_lines_that_are_written_while_they_are_followed(desk: Desk, page: Page, task: str) -> None:
    write(desk, task, b"before\n")
    show(page, desk)
    expect(page.locator(".line")).to_have_text(["before"])
    write(desk, task, b"after\n")
    expect(page.locator(".line")).to_have_text(["before", "after"])
    page.get_by_label("times").check()
    expect(page.locator(".line")).to_have_text([re.compile("-- before$"), re.compile(r"[0-9]{2}:[0-9]{2} after$")])
    page.get_by_label("previous run").check()
    expect(page.get_by_label("times")).to_have_count(0)


def test_a_shell_is_typed_into(desk: Desk, page: Page, task: str) -> None:
    async def echoes(session: FakeSession) -> None:
        session.writes(b"$ ")
        line = b""
        while not line.endswith(b"\r"):
            part = await session.input.get()
            assert part is not None
            line += part
            session.writes(part)
        session.writes(b"\r\n\x1b[1;38;2;200;10;10mtyped: " + line.strip() + b"\x1b[0m\r\n")
        if line.strip() == b"exit":
            session.ends(3)

    desk.programs(echoes)
    show(page, desk, "Shell")
    expect(page.locator(".xterm-rows")).to_contain_text("$")
    page.keyboard.type("exit\n")
    expect(page.get_by_text("The shell ended with exit code 3.")).to_be_visible()
    expect(page.locator(".xterm-rows")).to_contain_text("typed: exit")
    [session] = desk.api.inside.sessions
    assert session.command == ("sh", "-c", "exec $(command -v bash || echo sh)")
    assert session.sizes[0].columns > 20
    page.get_by_role("button", name="Open another shell").click()
    expect(page.locator(".xterm-rows")).to_contain_text("$")


def test_a_shell_ends_with_its_page(desk: Desk, page: Page, task: str) -> None:
    async def waits(session: FakeSession) -> None:
        session.writes(b"ready")
        await session.input.get()

    desk.programs(waits)
    show(page, desk, "Shell")
    expect(page.locator(".xterm-rows")).to_contain_text("ready")
    page.get_by_role("link", name="Environment").click()
    expect(page.get_by_role("row", name="MODE")).to_be_visible()
    page.wait_for_function("() => document.adoptedStyleSheets.length === 0")
    [session] = desk.api.inside.sessions
    for _ in range(100):
        if session.left:
            break
        page.wait_for_timeout(50)
    assert session.left


def test_files_are_listed_read_and_downloaded(desk: Desk, page: Page, task: str, tmp_path: Path) -> None:
    content = f"{EVIL}\x1b\n".encode()
    write(desk, task, content, "notes.txt")
    show(page, desk, "Files")
    page.get_by_role("button", name="notes.txt").click()
    expect(page.get_by_label("Content")).to_have_text(f"{EVIL}\\x1b\n")
    with page.expect_download() as started:
        page.get_by_role("link", name="Download notes.txt").click()
    saved = tmp_path / "saved"
    started.value.save_as(saved)
    assert saved.read_bytes() == content
    assert started.value.suggested_filename == "notes.txt"


def test_values_of_the_environment_are_hidden_until_asked_for(desk: Desk, page: Page, task: str) -> None:
    show(page, desk, "Environment")
    row = page.get_by_role("row", name="MODE")
    expect(row).not_to_contain_text("production")
    page.get_by_role("button", name="Show MODE").click()
    expect(row).to_contain_text("production")
    expect(page.get_by_role("row", name="KEY")).to_contain_text("a secret, which the scheduler does not show")


def test_how_earlier_runs_ended(desk: Desk, page: Page, task: str) -> None:
    desk.run(lambda api: api.loop.tell(Condition.FAILED, "Command exited with status 7"))
    show(page, desk, "Earlier runs")
    page.locator("summary").click()
    expect(page.locator("details")).to_contain_text("exit code 7")


def test_a_shell_that_is_not_allowed_is_not_offered(desk: Desk, page: Page, task: str) -> None:
    page.route(
        re.compile("/session"),
        lambda route: route.fulfill(
            status=200,
            content_type="application/json",
            body=json.dumps({"user": None, "isSession": False, "permissions": ["view", "logs"]}),
        ),
    )
    show(page, desk)
    expect(page.get_by_role("link", name="Log", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Shell", exact=True)).to_have_count(0)
    expect(page.get_by_role("link", name="Files", exact=True)).to_have_count(0)
