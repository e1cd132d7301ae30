"""Deployments, the queue, events, and the keyboard."""

import re

from playwright.sync_api import Page, expect

from tests.ui.desk import Desk, pod
from tests.ui.test_pods import row


def test_a_deployment_is_paused_resumed_and_rolled_back(desk: Desk, page: Page) -> None:
    desk.add(pod("/web"))
    page.goto(f"{desk.url}/ui/#/deployments")
    card = page.get_by_label(re.compile("^Deployment "))
    expect(card).to_contain_text("step 2 of 2")
    expect(card.get_by_role("link", name="/web").first).to_have_attribute("href", "#/pod/web")
    card.get_by_role("button", name="Pause").click()
    expect(card).to_contain_text("paused")
    card.get_by_role("button", name="Resume").click()
    expect(card).to_contain_text("deploying")
    card.get_by_role("button", name="Roll back").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(page.get_by_text("No deployment is running")).to_be_visible()
    assert desk.http.get("/v2/pods").json() == []


def test_the_queue_says_what_is_missing(desk: Desk, page: Page) -> None:
    large = pod("/large", instances=2)
    large["containers"][0]["resources"] = {"cpus": 0.1, "mem": 90_000}
    desk.add(large)
    desk.run(lambda api: api.loop.offers())
    page.goto(f"{desk.url}/ui/#/queue")
    entry = page.get_by_label("Queue of /large")
    expect(entry).to_contain_text("2 instances wait")
    expect(entry).to_contain_text("memory: wants 90032, 1 agent has")
    expect(entry.get_by_role("row", name="memory")).to_contain_text("1")


def test_events_are_shown_as_they_come_and_filtered(desk: Desk, page: Page) -> None:
    desk.add(pod("/web", labels={"x": "<b>"}))
    page.goto(f"{desk.url}/ui/#/events")
    table = page.get_by_role("table", name="Events")
    expect(table.get_by_role("row", name="pod created")).to_contain_text("127.0.0.1")
    desk.launch()
    expect(table.get_by_role("row", name="status update")).to_contain_text("TASK_RUNNING")
    page.get_by_label("Type").select_option("pod_created_event")
    expect(table.get_by_role("row")).to_have_count(2)
    expect(page).to_have_url(re.compile(r"type=pod_created_event"))
    page.get_by_label("Type").select_option("")
    page.get_by_label("Filter by text").fill("task_running")
    expect(table.get_by_role("row")).to_have_count(2)


def test_every_page_is_reached_by_the_keyboard(desk: Desk, page: Page) -> None:
    desk.add(pod("/web"))
    page.goto(f"{desk.url}/ui/")
    expect(row(page, "web")).to_be_visible()
    for key, heading in {
        "d": "Deployments",
        "q": "Queue",
        "a": "Agents",
        "e": "Events",
        "n": "New pod",
        "p": "Pods",
    }.items():
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        page.get_by_role("heading", level=1).click()  # out of the editor


def test_the_editor_and_the_terminal_are_loaded_only_where_they_are_shown(desk: Desk, page: Page) -> None:
    """The scripts of the other pages, compressed, stay within the 150 kB that a first page may take."""
    desk.add(pod("/web"))
    desk.launch()
    page.goto(f"{desk.url}/ui/#/pod/web")
    expect(page.get_by_role("table").first).to_be_visible()
    for link in ("Deployments", "Queue", "Agents", "Events", "Pods"):
        page.get_by_role("link", name=link, exact=True).first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text(link)
    loaded = "performance.getEntriesByType('resource').filter(each => /[.]js$/.test(each.name))"
    sizes = page.evaluate(f"Object.fromEntries({loaded}.map(each => [each.name, each.encodedBodySize]))")
    assert sizes
    assert not re.search("codemirror|xterm|yaml", " ".join(sizes))
    assert sum(sizes.values()) <= 150_000, sizes
