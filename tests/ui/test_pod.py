"""The page of one pod."""

import json
import re

from playwright.sync_api import Page, expect

from scheduler.loop.inside import Usage
from scheduler.model.records import Condition
from tests.ui.browser import Watched
from tests.ui.desk import Desk, pod

EVIL = "<img src=x onerror=alert(1)>\x1b[31m\u202e"


def show(page: Page, desk: Desk, pod_id: str, tab: str = "") -> None:
    """Go to the page of a pod."""
    page.goto(f"{desk.url}/ui/#/pod{pod_id}" + (f"?tab={tab}" if tab else ""))
    expect(page.get_by_role("heading", level=1)).to_contain_text(pod_id)


def test_instances_and_their_containers(desk: Desk, page: Page) -> None:
    desk.add(pod("/shop/web", "app", "side", instances=2))
    desk.launch()
    show(page, desk, "/shop/web")
    expect(page.get_by_role("heading", level=1)).to_contain_text("stable")
    table = page.get_by_role("table", name="Instances and their containers")
    expect(table.get_by_role("row")).to_have_count(1 + 2 * 3)
    expect(table.get_by_role("link", name="side").first).to_have_attribute(
        "href", re.compile(r"#/container/shop/web\?instance=shop_web\.instance-[\w-]+&container=side$")
    )
    link = table.get_by_role("link", name=re.compile("http-app:")).first
    expect(link).to_have_attribute("href", re.compile(r"^http://[\w.-]+:\d+/$"))
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    desk.run(lambda api: api.loop.tell(Condition.FAILED, "Command exited with status 3"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("failing")
    page.get_by_text("How the last instances ended").wait_for()
    page.locator("details summary").first.click()
    expect(page.locator("details").first).to_contain_text("exit code 3")


def test_why_instances_wait(desk: Desk, page: Page) -> None:
    large = pod("/large")
    large["containers"][0]["resources"] = {"cpus": 700, "mem": 32}
    desk.add(large)
    desk.run(lambda api: api.loop.offers())
    show(page, desk, "/large")
    why = page.get_by_label("Why instances wait")
    expect(why).to_contain_text("1 instance waits")
    expect(why).to_contain_text("CPUs: wants 700.1, 1 agent has")


def test_a_pod_is_scaled_stopped_started_and_removed(desk: Desk, page: Page, watched: Watched) -> None:
    watched.expected.append("404")  # its own page may ask once more after the removal
    desk.add(pod("/web", instances=2))
    desk.launch()
    show(page, desk, "/web")
    page.get_by_role("button", name="Scale").click()
    page.get_by_label("Instances", exact=True).fill("3")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Scale").click()
    page.get_by_label("Instances", exact=True).fill("3")
    page.get_by_role("dialog").get_by_role("button", name="Scale").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".facts").first).to_contain_text("2 of 3")
    desk.launch()
    expect(page.locator(".facts").first).to_contain_text("3 of 3")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("dialog")).to_contain_text("All 3 instances end")
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    desk.run(lambda api: api.loop.tell(Condition.KILLED))
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_label("Instances", exact=True)).to_have_value("3")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page).to_have_url(re.compile("#/pods$"))
    expect(page.get_by_text("There are no pods yet")).to_be_visible()
    assert desk.http.get("/v2/pods").json() == []


def test_an_instance_is_killed(desk: Desk, page: Page) -> None:
    desk.add(pod("/web"))
    desk.launch()
    show(page, desk, "/web")
    page.get_by_role("button", name=re.compile("Kill instance")).click()
    page.get_by_role("dialog").get_by_role("button", name="Kill").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert "InstancesKilled" in desk.run(lambda api: [type(each).__name__ for each in api.loop.asked])
    desk.run(lambda api: api.loop.tell(Condition.KILLED))
    expect(page.get_by_role("table", name="Instances and their containers")).to_contain_text("waiting")


def test_versions_are_compared_and_one_is_rolled_back_to(desk: Desk, page: Page) -> None:
    first = pod("/web", labels={"colour": "green"})
    desk.add(first)
    desk.launch()
    desk.run(lambda api: setattr(api.loop, "now", api.loop.now + 5))
    second = first | {"labels": {"colour": "red", "more": "x"}}
    assert desk.http.put("/v2/pods/web", json=second).status_code == 200
    [running] = desk.http.get("/v2/deployments").json()
    desk.http.delete(f"/v2/deployments/{running['id']}?force=true")
    show(page, desk, "/web", "versions")
    diff = page.locator("table.diff")
    expect(diff.get_by_role("row", name="/labels/colour")).to_contain_text('"green"')
    expect(diff.get_by_role("row", name="/labels/colour")).to_contain_text('"red"')
    expect(diff.get_by_role("row", name="/labels/more")).to_contain_text('+ "x"')
    page.get_by_role("button", name=re.compile("Roll back to")).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Roll back").click()
    expect(dialog).to_have_count(0)
    assert desk.http.get("/v2/pods/web").json()["labels"] == {"colour": "green"}
    expect(page.locator("table.list tbody tr")).to_have_count(3)


def test_the_definition_as_json_and_yaml(desk: Desk, page: Page) -> None:
    desk.add(pod("/web", labels={"a": EVIL}))
    show(page, desk, "/web", "definition")
    shown = page.get_by_label("The definition", exact=True)
    expect(shown).to_contain_text('"id": "/web"')
    assert json.loads(shown.inner_text())["labels"] == {"a": EVIL}
    page.get_by_role("button", name="YAML").click()
    expect(shown).to_contain_text("id: /web")


def test_texts_of_strangers_are_only_text(desk: Desk, page: Page) -> None:
    desk.add(pod("/web", labels={"x": EVIL}))
    desk.launch()
    desk.run(lambda api: api.loop.tell(Condition.FAILED, EVIL))
    show(page, desk, "/web")
    expect(page.get_by_text("How the last instances ended")).to_be_visible()
    assert page.locator("img").count() == 0
    page.goto(f"{desk.url}/ui/#/pods?label=x={EVIL}&text=<img>")
    expect(page.get_by_text("No pod matches")).to_be_visible()
    assert page.locator("img").count() == 0


def test_use_is_shown_against_the_request(desk: Desk, page: Page) -> None:
    desk.add(pod("/web"))
    [task] = desk.launch()
    times = iter(range(1, 100))

    class Measured(dict[str, Usage]):
        """A tenth of a second of CPU time in each second."""

    def measured() -> None:
        at = next(times)
        desk.api.inside.used = {task: Usage(taken_at=float(at), cpu_seconds=at / 10, memory_bytes=20 * 2**20)}

    desk.run(lambda _: measured())
    show(page, desk, "/web")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="app", exact=True))
    expect(row).to_contain_text("20 / 32")
    desk.run(lambda _: measured())
    expect(row).to_contain_text("0.10 / 0.1")
    expect(page.locator("figcaption").first).to_contain_text("of 0.1 requested")
    expect(page.locator(".plot canvas")).to_have_count(2)


def test_a_pod_that_does_not_exist(desk: Desk, page: Page, watched: Watched) -> None:
    watched.expected.append("404")
    show(page, desk, "/nothing")
    expect(page.get_by_role("alert")).to_contain_text("Pod '/nothing' does not exist")
