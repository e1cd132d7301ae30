"""The page of all pods."""

import re

from playwright.sync_api import Locator, Page, expect

from scheduler.model.records import Condition
from tests.ui.browser import Watched
from tests.ui.desk import Desk, pod


def row(page: Page, name: str) -> Locator:
    """The row of a pod."""
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def test_the_root_leads_to_the_pods_which_are_shown_as_they_change(desk: Desk, page: Page) -> None:
    desk.add(pod("/shop/web", instances=3))
    page.goto(f"{desk.url}/")
    expect(page).to_have_url(f"{desk.url}/ui/")
    expect(page).to_have_title("Pods \N{EN DASH} podexec")
    web = row(page, "web")
    expect(web).to_contain_text("waiting")
    expect(web).to_contain_text("0/3")
    desk.launch()
    expect(web).to_contain_text("stable")
    expect(web).to_contain_text("3/3")
    desk.add(pod("/shop/db"))
    expect(row(page, "db")).to_contain_text("0/1")
    desk.http.delete("/v2/pods/shop/db?force=true")
    expect(row(page, "db")).to_have_count(0)


def test_problems_come_first(desk: Desk, page: Page) -> None:
    desk.add(pod("/a/good"))
    desk.add(pod("/b/fine"))
    desk.launch()
    desk.add(pod("/b/late"))
    page.goto(f"{desk.url}/ui/")
    expect(page.get_by_role("status")).to_have_text("3 pods, 1 with problems")
    names = page.locator(".rows .name a").all_inner_texts()
    assert names == ["late", "fine", "good"], "the group with the problem first, in it the pod"


def test_the_filter_is_in_the_address(desk: Desk, page: Page) -> None:
    desk.add(pod("/shop/web", labels={"tier": "front"}))
    desk.launch()
    desk.add(pod("/shop/db", labels={"tier": "back", "odd": "<b>=?&"}))
    page.goto(f"{desk.url}/ui/")
    expect(row(page, "web")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("we")
    expect(row(page, "db")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"#/pods\?text=we$"))
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value("we")
    expect(page.get_by_role("status")).to_have_text("1 of 2 pods, no problems")
    page.get_by_role("searchbox").fill("")
    page.get_by_label("label").select_option("odd=<b>=?&")
    expect(row(page, "db")).to_have_count(1)
    expect(row(page, "web")).to_have_count(0)
    page.get_by_label("label").select_option("")
    page.get_by_label("state").select_option("stable")
    expect(row(page, "web")).to_have_count(1)
    expect(row(page, "db")).to_have_count(0)
    page.get_by_label("state").select_option("")
    page.get_by_label("agent").select_option(index=1)
    expect(row(page, "web")).to_have_count(1)
    expect(row(page, "db")).to_have_count(0)


def test_rows_keep_their_places_under_the_pointer(desk: Desk, page: Page) -> None:
    desk.add(pod("/web"))
    desk.launch()
    page.goto(f"{desk.url}/ui/")
    row(page, "web").hover()
    desk.add(pod("/a"))
    expect(page.get_by_role("status")).to_contain_text("1 new")
    assert page.locator(".rows .name a").all_inner_texts() == ["web"]
    page.get_by_role("heading", name="Pods").hover()
    expect(row(page, "a")).to_be_visible()


def test_a_failing_pod_is_shown_as_failing(desk: Desk, page: Page) -> None:
    desk.add(pod("/crash"))
    desk.launch()
    desk.run(lambda api: api.loop.tell(Condition.FAILED, "exited with status 3"))
    page.goto(f"{desk.url}/ui/")
    expect(row(page, "crash")).to_contain_text("failing")


def test_a_lost_connection_is_shown_and_made_good(desk: Desk, page: Page, watched: Watched) -> None:
    desk.add(pod("/web"))
    page.goto(f"{desk.url}/ui/")
    expect(row(page, "web")).to_be_visible()
    watched.expected += ["ERR_INTERNET_DISCONNECTED", "ERR_NETWORK_CHANGED"]
    watched.context.set_offline(True)
    desk.run(lambda api: api.loop.bus.close())  # streams end, as if the connection were cut
    expect(page.get_by_role("alert")).to_contain_text("No connection to the scheduler since")
    desk.add(pod("/db"))
    desk.run(lambda api: setattr(api.loop, "bus", type(api.loop.bus)()))
    watched.context.set_offline(False)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(row(page, "db")).to_be_visible()


def test_the_keyboard_moves_and_opens(desk: Desk, page: Page) -> None:
    for name in ("/a", "/b", "/c"):
        desk.add(pod(name))
    desk.launch()
    page.goto(f"{desk.url}/ui/")
    expect(row(page, "c")).to_be_visible()
    for key in "jjjk":
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#/pod/b$"))
    page.keyboard.press("g")
    page.keyboard.press("p")
    expect(page).to_have_url(re.compile("#/pods$"))
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("next and previous row")


def test_a_group_is_closed_and_opened(desk: Desk, page: Page) -> None:
    desk.add(pod("/shop/web"))
    page.goto(f"{desk.url}/ui/")
    page.get_by_role("button", name="/shop").click()
    expect(row(page, "web")).to_have_count(0)
    page.get_by_role("button", name="/shop").click()
    expect(row(page, "web")).to_be_visible()
