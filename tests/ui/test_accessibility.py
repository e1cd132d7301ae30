"""axe-core finds nothing serious in any page, dark and light; and every page fits a phone."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from scheduler.loop.agents import AgentList
from scheduler.model.records import Condition
from tests.ui.browser import Watched
from tests.ui.desk import Desk, pod
from tests.ui.test_agents import FULL, draining

AXE = Path(__file__).parents[2] / "ui" / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = ("serious", "critical")


def stage(desk: Desk) -> dict[str, str]:
    """Pods in many states; returns the addresses of all pages."""
    desk.add(pod("/shop/web", "app", "side", instances=2, labels={"team": "shop"}, environment={"MODE": "x"}))
    desk.launch()
    first = next(iter(desk.api.loop.world.instances))
    desk.run(lambda api: api.loop.tell(Condition.FAILED, "Command exited with status 1", only=first))
    large = pod("/data/large")
    large["containers"][0]["resources"] = {"cpus": 700, "mem": 32}
    desk.add(large)
    desk.run(lambda api: api.loop.offers())
    desk.api.inside.listed = AgentList((FULL, draining()), ("the maintenance schedule is not known: no",))
    of = f"container/shop/web?instance={first}&container=app"
    return {
        "pods": "pods",
        "pod": "pod/shop/web",
        "waiting": "pod/data/large",
        "versions": "pod/shop/web?tab=versions",
        "definition": "pod/shop/web?tab=definition",
        "log": f"{of}&tab=log",
        "files": f"{of}&tab=files",
        "environment": f"{of}&tab=environment",
        "ends": f"{of}&tab=ends",
        "deployments": "deployments",
        "queue": "queue",
        "agents": "agents",
        "agent": "agent/A1",
        "events": "events",
        "edit": "edit/shop/web",
    }


def settle(page: Page) -> None:
    """Wait until the page has loaded what it shows."""
    page.get_by_role("heading", level=1).wait_for()
    page.wait_for_function(
        "() => ![...document.querySelectorAll('[role=status]')].some(e => /Loading/.test(e.innerText))"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_a_phone(browser: Browser, desk: Desk, scheme: str) -> None:
    pages = stage(desk)
    profile = Watched(browser, color_scheme=scheme, viewport={"width": 360, "height": 740})
    page = profile.page()
    found = []
    for name, path in pages.items():
        page.goto(f"{desk.url}/ui/#/{path}")
        settle(page)
        page.evaluate(AXE.read_text())
        for violation in page.evaluate("axe.run().then(found => found.violations)"):
            if violation["impact"] in SERIOUS:
                nodes = [node["html"][:120] + " " + str(node["any"][:1])[:200] for node in violation["nodes"][:3]]
                found.append((name, violation["id"], nodes))
        if page.evaluate("document.documentElement.scrollWidth") > 360:
            found.append((name, "wider than the window", []))
    profile.close(desk.host)
    assert not found, "\n".join(map(str, found))
