"""A day with the interface, on a real Mesos, below a path of a real nginx."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from scheduler.api.access import Access
from tests.api.teams import TOKENS, bearer, teams_file
from tests.cluster.support import DEADLINE_SECONDS, Scheduler, container
from tests.ui.browser import Watched
from tests.ui.desk import Desk, pod
from tests.ui.proxy import PREFIX, nginx

LONG = DEADLINE_SECONDS * 1000  # milliseconds
ID = "/ui/day"
TICKS = "n=0; while true; do n=$((n+1)); echo tick $n of $MESOS_TASK_ID; sleep 0.2; done"


SICK = {
    "exec": {"command": {"shell": "exit 1"}},
    "intervalSeconds": 2,
    "timeoutSeconds": 1,
    "gracePeriodSeconds": 0,
    "delaySeconds": 0,
    "maxConsecutiveFailures": 0,
}


def definition(shell: str, **more: object) -> str:
    """The pod of the day, as text for the editor."""
    scaling = {"kind": "fixed", "instances": 2}
    return json.dumps({"id": ID, "scaling": scaling, "containers": [container("app", shell, **more)]})


def write(page: Page, text: str) -> None:
    """Replace the text in the editor, and ask for the plan."""
    page.get_by_label("Definition in JSON").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text)
    page.get_by_role("button", name="Check and plan").click()


@pytest.mark.timeout(300)
def test_a_day(browser: Browser, scheduler: Scheduler, tmp_path: Path) -> None:
    with nginx(tmp_path, scheduler.client.url.removeprefix("http://")) as host:
        profile = Watched(browser)
        page = profile.page()
        # The root below a path leads to the interface; so does the path without its slash.
        page.goto(f"http://{host}{PREFIX.rstrip('/')}")
        expect(page).to_have_url(f"http://{host}{PREFIX}ui/")
        expect(page.get_by_text("There are no pods yet")).to_be_visible()

        page.get_by_role("link", name="New pod").click()
        write(page, definition(TICKS))
        expect(page.get_by_label("What it will do")).to_contain_text("created with 2 instances")
        page.get_by_role("button", name="Create the pod").click()
        heading = page.get_by_role("heading", level=1)
        expect(heading).to_contain_text("stable", timeout=LONG)
        address = page.url

        look_inside(page)

        page.goto(address)
        page.get_by_role("link", name="Edit").click()
        write(page, definition(TICKS, healthCheck=SICK))
        expect(page.get_by_label("What it will do")).to_contain_text("2 instances replaced")
        page.get_by_role("button", name="Update the pod").click()
        expect(heading).to_contain_text("failing", timeout=LONG)
        expect(page.get_by_text("its health check failed").first).to_be_visible()
        card = page.get_by_label(re.compile("^Deployment "))
        card.get_by_role("button", name="Roll back").click()
        page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
        expect(heading).to_contain_text("stable", timeout=LONG)
        assert "healthCheck" not in json.dumps(scheduler.client.status(ID)["spec"])
        page.get_by_role("link", name="Timeline").click()
        expect(page.locator(".timeline").first).to_contain_text("its health check failed")
        profile.close(host)


def look_inside(page: Page) -> None:
    """The log over a restart, a shell, and files."""
    page.get_by_role("link", name="app", exact=True).first.click()
    expect(page.get_by_role("log")).to_contain_text("tick 3 of", timeout=LONG)
    first = page.url
    page.get_by_role("link", name="Shell", exact=True).click()
    expect(page.get_by_text("Opening a shell")).to_have_count(0, timeout=LONG)
    page.keyboard.type("echo $((40+2)) > answer; cat answer\n")
    expect(page.locator(".xterm-rows")).to_contain_text("42", timeout=LONG)
    page.keyboard.type("exit 5\n")
    expect(page.get_by_text("exit code 5")).to_be_visible(timeout=LONG)
    page.get_by_role("link", name="Files", exact=True).click()
    page.get_by_role("button", name="answer", exact=True).click()
    expect(page.get_by_label("Content")).to_have_text("42\n")
    page.goto(first)
    expect(page.get_by_role("log")).to_contain_text("tick")
    ticks = page.get_by_role("log").inner_text()
    [task] = {line.split(" of ")[1] for line in ticks.splitlines() if line.startswith("tick")}
    # Killed in another tab, while this one follows.
    other = page.context.new_page()
    other.goto(first.split("#")[0] + f"#/pod{ID}")
    instance = re.search(r"instance-([0-9a-f]{8})", first)
    assert instance is not None
    other.get_by_role("button", name=f"Kill instance {instance[1]}").click()
    other.get_by_role("dialog").get_by_role("button", name="Kill").click()
    expect(other.get_by_role("dialog")).to_have_count(0)
    other.close()
    of_another = re.compile(rf"^tick \d+ of (?!{re.escape(task)}$)")
    expect(page.locator(".line.stdout").filter(has_text=of_another).first).to_be_visible(timeout=LONG)


def test_credentials_below_a_path(browser: Browser, tmp_path: Path) -> None:
    with Desk(Access(principals=teams_file(tmp_path))) as desk, nginx(tmp_path, desk.host) as host:
        desk.add(pod("/team-a/web"), **bearer("root"))
        desk.launch()
        profile = Watched(browser)
        profile.expected.append("401")
        page = profile.page()
        page.goto(f"http://{host}{PREFIX}")
        page.get_by_label("token").check()
        page.get_by_label("Token", exact=True).fill(TOKENS["reader"])
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("link", name="web", exact=True).click()
        expect(page.get_by_role("table", name="Instances and their containers")).to_contain_text("running")
        expect(page.get_by_role("button", name="Scale")).to_have_count(0)
        expect(page.get_by_role("link", name="New pod")).to_have_count(0)
        [cookie] = profile.context.cookies()
        assert cookie["path"] == PREFIX.rstrip("/")
        assert cookie["httpOnly"]
        assert cookie["sameSite"] == "Strict"
        profile.close(host)
