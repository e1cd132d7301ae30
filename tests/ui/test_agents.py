"""The agents: where there is room, and what a drain of one would hit."""

import re
import time

from playwright.sync_api import Page, expect

from scheduler.loop.agents import AgentList, Drain, MesosAgent, Window
from scheduler.loop.inside import InsideError, Why
from scheduler.model.records import Agent
from tests.ui.desk import Desk, pod

TOTAL = {"cpus": 8000, "mem": 4_096_000, "disk": 100_000_000}
FULL = MesosAgent(
    Agent("A1", "a1.example", "eu", "eu-1", (("rack", "r1"),)),
    address="10.0.0.1:5051",
    version="1.11.0",
    registered_at=1_700_000_000.0,
    total=TOTAL,
    used={"cpus": 1500, "mem": 1_024_000, "disk": 0},
    unused={"*": {"cpus": 4250, "mem": 3_072_000, "disk": 100_000_000}, "other": {"cpus": 2250}},
)


def draining() -> MesosAgent:
    """An agent that has been drained for five minutes by now."""
    return MesosAgent(
        Agent("A2", "b2.example", attributes=(("rack", "<b>r2</b>"),)),
        is_active=False,
        is_deactivated=True,
        total=TOTAL,
        used={},
        unused={"*": TOTAL},
        drain=Drain("DRAINING", time.time() - 300, 60.0, mark_gone=True),
        maintenance=Window(time.time() - 60, None),
    )


def test_the_list_says_where_there_is_room(desk: Desk, page: Page) -> None:
    desk.api.inside.listed = AgentList((FULL, draining()))
    desk.add(pod("/shop/web", instances=2))
    desk.launch()
    page.goto(f"{desk.url}/ui/#/agents")
    rows = page.get_by_role("table", name="Agents").get_by_role("row")
    expect(rows).to_have_count(3)
    first, second = rows.nth(1), rows.nth(2)
    expect(first).to_contain_text("a1.example")
    expect(first).to_contain_text("● active")
    expect(first).to_contain_text("4.25 of 8")
    expect(first).to_contain_text("3 of 4 GiB")
    expect(first.get_by_role("cell").nth(5)).to_have_text("2")
    expect(first).to_contain_text("rack=r1")
    expect(second).to_contain_text("draining")
    expect(second).to_contain_text("maintenance")
    expect(second).to_contain_text("rack=<b>r2</b>")
    expect(page.get_by_text("2 agents, 1 not active, 12.25 CPUs and 7 GiB of memory are free")).to_be_visible()


def test_it_is_filtered_and_ordered_in_the_address(desk: Desk, page: Page) -> None:
    desk.api.inside.listed = AgentList((FULL, draining()))
    desk.add(pod("/shop/web"))
    desk.launch()
    page.goto(f"{desk.url}/ui/#/agents?text=rack%3Dr1")
    rows = page.get_by_role("table", name="Agents").get_by_role("row")
    expect(rows).to_have_count(2)
    page.get_by_label("Filter by name, attribute or pod").fill("shop/web")
    expect(page).to_have_url(re.compile("text=shop"))
    expect(rows.nth(1)).to_contain_text("a1.example")
    page.get_by_label("Filter by name, attribute or pod").fill("nothing")
    expect(page.get_by_text("No agent matches the filter.")).to_be_visible()
    page.get_by_label("Filter by name, attribute or pod").fill("")
    page.get_by_label("order").select_option("cpus")
    expect(rows.nth(1)).to_contain_text("b2.example")
    page.get_by_label("state").select_option("active")
    expect(rows).to_have_count(2)
    expect(page).to_have_url(re.compile("order=cpus&state=active"))


def test_an_agent_says_what_a_drain_hits(desk: Desk, page: Page) -> None:
    desk.api.inside.listed = AgentList((FULL, draining()))
    desk.add(pod("/shop/web", instances=2))
    desk.launch()
    page.goto(f"{desk.url}/ui/#/agents")
    page.get_by_role("link", name="a1.example").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("a1.example")
    expect(page.get_by_text("podexec agent show A1")).to_be_visible()
    expect(page.get_by_text("2 instances of 1 pod.")).to_be_visible()
    expect(page.get_by_text("1.5 used, 2.25 reserved for others, 4.25 free; 8 in all")).to_be_visible()
    table = page.get_by_role("table", name="Instances on this agent")
    expect(table.get_by_role("row").nth(1)).to_contain_text("ready")
    table.get_by_role("link", name="/shop/web").first.click()
    expect(page).to_have_url(re.compile("#/pod/shop/web$"))
    page.get_by_role("link", name="a1.example").first.click()
    expect(page).to_have_url(re.compile("#/agent/A1$"))


def test_drain_and_maintenance_are_said_in_words(desk: Desk, page: Page) -> None:
    desk.api.inside.listed = AgentList((FULL, draining()))
    page.goto(f"{desk.url}/ui/#/agent/A2")
    expect(page.get_by_text("It is being drained: its tasks are ended, since 5m")).to_contain_text(
        "and get at most 1m to end. It gets no new tasks and is removed for good afterwards."
    )
    expect(page.get_by_text("Its machine is scheduled for maintenance from")).to_contain_text("without an end")
    expect(page.get_by_text("no instance is on it")).to_be_visible()


def test_what_changes_is_shown_without_a_reload(desk: Desk, page: Page) -> None:
    page.goto(f"{desk.url}/ui/#/agent/A1")
    expect(page.get_by_text("no instance is on it")).to_be_visible()
    desk.add(pod("/web"))
    desk.launch()
    expect(page.get_by_text("1 instance of 1 pod.")).to_be_visible()


def test_without_a_master_what_is_known_is_shown_and_why(desk: Desk, page: Page) -> None:
    desk.api.inside.listed = InsideError(Why.UNREACHABLE, "the master 10.0.0.1:5050 does not answer")
    desk.add(pod("/web"))
    page.goto(f"{desk.url}/ui/#/agents")
    expect(page.get_by_text("the master's list of agents is not known: the master 10.0.0.1:5050")).to_be_visible()
    expect(page.get_by_text("No agent is known.")).to_be_visible()
    desk.launch()
    expect(page.get_by_role("table", name="Agents").get_by_role("row").nth(1)).to_contain_text("unknown")
    page.get_by_role("link", name="a1.example").click()
    expect(page.get_by_text("They are not known.")).to_be_visible()


def test_an_agent_that_is_not_listed(desk: Desk, page: Page) -> None:
    page.goto(f"{desk.url}/ui/#/agent/none")
    expect(page.get_by_text("No agent has the id none, or no longer.")).to_be_visible()
    expect(page.get_by_text("podexec agent show none")).to_be_visible()
    page.goto(f"{desk.url}/ui/#/agent/none;reboot")
    expect(page.get_by_text("No agent has the id none;reboot, or no longer.")).to_be_visible()
    expect(page.get_by_text("podexec agent show")).to_have_count(0)


def test_only_the_visible_rows_of_ten_thousand_are_in_the_document(desk: Desk, page: Page) -> None:
    many = (MesosAgent(Agent(f"A{at}", f"host-{at:05}"), total=TOTAL, unused={"*": TOTAL}) for at in range(10_000))
    desk.api.inside.listed = AgentList(tuple(many))
    page.goto(f"{desk.url}/ui/#/agents")
    table = page.get_by_role("table", name="Agents")
    expect(table).to_have_attribute("aria-rowcount", "10001")
    assert table.get_by_role("row").count() < 100
    page.get_by_label("Filter by name, attribute or pod").fill("host-09999")
    expect(table.get_by_role("row")).to_have_count(2)
