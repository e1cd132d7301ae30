"""`podexec doctor` against a real API on a loopback port, and without one."""

import json
import time
from dataclasses import replace
from email.utils import formatdate

import pytest

from scheduler.api.access import Access
from scheduler.cli import client
from scheduler.core.events import PodPosted, Subscribed
from tests.api.app import SERVER, app_over
from tests.cli.conftest import Run, serving
from tests.core.support import definition
from tests.fakes.loop import FakeLoop


def test_every_check_has_a_line_and_all_is_well(run: Run, url: str, loop: FakeLoop) -> None:
    loop.happens(PodPosted(1, definition(id="/web")))
    loop.run_all()
    outcome = run("doctor")
    assert (outcome.code, outcome.err) == (0, ""), outcome
    lines = [line.split()[:2] for line in outcome.out.splitlines() if not line.startswith(" ")]
    names = ["scheduler", "clocks", "master", "framework", "roles", "isolators", "executor", "store"]
    assert [name for _, name in lines] == names
    assert {result for result, _ in lines} <= {"ok", "warning"}


def test_a_failure_is_the_exit_code_and_has_the_way_out(run: Run, url: str) -> None:
    outcome = run("doctor")
    assert outcome.code == 1
    assert "failed   master     no Mesos master accepts the subscription\n" in outcome.out
    assert "Check --master" in outcome.out
    told = json.loads(run("doctor", "--json").out)
    assert [each["check"] for each in told if each["result"] == "failed"] == ["master", "framework"]
    assert run("doctor", "-o", "name").out.split() == ["master", "framework"]


def test_without_a_scheduler(run: Run) -> None:
    outcome = run("doctor", "--url", "http://127.0.0.1:1")
    assert outcome.code == 1
    assert "failed   scheduler  no scheduler answers at http://127.0.0.1:1" in outcome.out


def test_whoever_may_not_see_all_is_told_so(run: Run, loop: FakeLoop) -> None:
    with serving(app_over(loop, Access("me:hush"))) as url:
        refused = run("doctor", "--url", url)
        assert (refused.code, "PODEXEC_TOKEN" in refused.out) == (1, True)


@pytest.mark.parametrize(("ahead", "result"), [(1000.0, "warning"), (-1000.0, "warning"), (3.0, "ok")])
def test_clocks(run: Run, url: str, ahead: float, result: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_skew", lambda _: ahead)
    told = {each["check"]: each for each in json.loads(run("doctor", "--json").out)}
    assert told["clocks"]["result"] == result, told["clocks"]
    assert ("ahead of" in told["clocks"]["message"]) == (ahead > 100)


@pytest.mark.parametrize(
    ("ahead", "skew"), [(1000, 1000), (-1000, -1000), (1, 0)], ids=["ahead", "behind", "less than it can tell"]
)
def test_the_date_of_an_answer(ahead: int, skew: int) -> None:
    assert client._skew(formatdate(time.time() + ahead, usegmt=True)) == pytest.approx(skew, abs=5)


@pytest.mark.parametrize("date", ["", "now", "Mon, 99 Nov 9999999 00:00:00 GMT", "\x1b[2J"])
def test_a_date_that_is_none(date: str) -> None:
    assert client._skew(date) == 0.0


@pytest.mark.parametrize("reachable", [True, False])
def test_the_executors_uri(run: Run, loop: FakeLoop, url: str, reachable: bool) -> None:
    loop.happens(Subscribed("F-1", "10.0.0.1:5050", "1.11.0"))
    uri = f"{url}/ping" if reachable else "http://127.0.0.1:1/[x]\x1b.pyz"
    server = replace(SERVER, config={"executor": f"{uri}#sha256=00"})
    with serving(app_over(loop, server=server)) as other:
        outcome = run("doctor", "--url", other)
    assert outcome.code == 0
    assert (
        ("can be fetched from here" in outcome.out, "\x1b" in outcome.out) == (True, False)
        if reachable
        else ("cannot be fetched from here" in outcome.out)
    )
