"""``/v2/queue``: which instances wait, why, and for how long."""

from typing import Any

import pytest

from scheduler.core.offer.refusals import REASONS
from scheduler.model.records import Condition
from tests.api.app import Api
from tests.api.test_openapi import problems
from tests.api.test_pods import POD
from tests.core.support import offer
from tests.fakes.loop import FakeLoop


def entry(api: Api, query: str = "") -> dict[str, Any]:
    """The only entry."""
    (found,) = api("GET", f"/v2/queue{query}").json()["queue"]
    assert problems(found, "QueueEntry") == []
    shown: dict[str, Any] = found
    return shown


def funnel(shown: list[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    """By reason, how many offers were checked for it and how many were declined."""
    assert [each["reason"] for each in shown] == list(REASONS)
    return {each["reason"]: (each["processed"], each["declined"]) for each in shown}


def test_nothing_waits(api: Api) -> None:
    assert api("GET", "/v2/queue").json() == {"queue": []}


def test_what_has_seen_no_offer_yet(api: Api, loop: FakeLoop) -> None:
    posted = api("POST", "/v2/pods", json=POD | {"scaling": {"instances": 3}}).json()
    shown = entry(api)
    assert (shown["count"], shown["role"], shown["since"]) == (3, "*", "1970-01-12T13:46:40.000Z")
    assert shown["delay"] == {"timeLeftSeconds": 0, "overdue": True}
    assert shown["pod"] == posted
    summary = shown["processedOffersSummary"]
    assert (summary["processedOffersCount"], summary["unusedOffersCount"]) == (0, 0)
    assert set(funnel(summary["rejectSummaryLastOffers"]).values()) == {(0, 0)}
    assert "podexec" not in entry(api, "?embed=podexec")
    loop.run_all()
    assert api("GET", "/v2/queue").json() == {"queue": []}


def test_each_offer_falls_to_the_first_reason_and_the_last_of_an_agent_counts(api: Api, loop: FakeLoop) -> None:
    api("POST", "/v2/pods", json=POD | {"executorResources": {"cpus": 2}})
    loop.offers(offer("O1", "A1", cpus=1, mem=1), offer("O2", "A2", cpus=1.8), offer("O3", "A3", mem=1))
    loop.now += 10
    loop.offers(offer("O4", "A1", cpus=1.5))
    summary = entry(api)["processedOffersSummary"]
    assert (summary["processedOffersCount"], summary["unusedOffersCount"]) == (4, 4)
    assert summary["lastUnusedOfferAt"] == "1970-01-12T13:46:50.000Z"
    assert "lastUsedOfferAt" not in summary
    last = funnel(summary["rejectSummaryLastOffers"])
    assert (last["UnfulfilledRole"], last["InsufficientCpus"], last["InsufficientMemory"]) == ((3, 0), (3, 2), (1, 1))
    ever = funnel(summary["rejectSummaryLaunchAttempt"])
    assert (ever["InsufficientCpus"], ever["InsufficientMemory"], ever["InsufficientDisk"]) == ((4, 3), (1, 1), (0, 0))


def test_the_nearest_miss_is_told_for_each_reason(api: Api, loop: FakeLoop) -> None:
    api("POST", "/v2/pods", json=POD | {"executorResources": {"cpus": 2}})
    loop.offers(offer("O1", "A1", cpus=1, mem=1), offer("O2", "A2", cpus=1.8))
    assert "podexec" not in entry(api)
    assert entry(api, "?embed=podexec")["podexec"]["nearest"] == [
        {"reason": "InsufficientCpus", "asked": "2.1", "offered": "1.8", "agents": 2},
        {"reason": "InsufficientMemory", "asked": "64", "offered": "1", "agents": 1},
    ]


def test_an_offer_that_was_used_counts_as_processed(api: Api, loop: FakeLoop) -> None:
    api("POST", "/v2/pods", json=POD | {"scaling": {"instances": 2}})
    loop.offers(offer("O1", cpus=0.3))
    shown = entry(api)
    assert shown["count"] == 1
    assert shown["processedOffersSummary"]["processedOffersCount"] == 1
    assert shown["processedOffersSummary"]["unusedOffersCount"] == 0
    assert shown["processedOffersSummary"]["lastUsedOfferAt"] == "1970-01-12T13:46:40.000Z"


def test_the_last_unused_offers_are_shown_to_whoever_asks(api: Api, loop: FakeLoop) -> None:
    api("POST", "/v2/pods", json=POD)
    attributes = [
        {"name": "rack", "type": "TEXT", "text": {"value": "r1"}},
        {"name": "level", "type": "SCALAR", "scalar": {"value": 2.0}},
        {"name": "slots", "type": "RANGES", "ranges": {"range": [{"begin": 1, "end": 2}]}},
        {"name": "disks", "type": "SET", "set": {"item": ["sda"]}},
    ]
    loop.offers(offer("O1", cpus=0.1, mem=1, attributes=attributes))
    assert "lastUnusedOffers" not in entry(api)
    (unused,) = entry(api, "?embed=lastUnusedOffers")["lastUnusedOffers"]
    assert unused["timestamp"] == "1970-01-12T13:46:40.000Z"
    assert unused["reason"] == ["InsufficientCpus", "InsufficientMemory"]
    shown = unused["offer"]
    assert (shown["id"], shown["agentId"], shown["hostname"]) == ("O1", "A1", "a1.example")
    assert {"name": "cpus", "role": "*", "scalar": 0.1} in shown["resources"]
    assert {"name": "ports", "role": "*", "ranges": [{"begin": 31000, "end": 31999}]} in shown["resources"]
    assert shown["attributes"] == [
        {"name": "rack", "text": "r1"},
        {"name": "level", "scalar": 2.0},
        {"name": "slots", "ranges": [{"begin": 1, "end": 2}]},
        {"name": "disks", "set": ["sda"]},
    ]


def test_a_delayed_pod_tells_for_how_long_and_can_be_launched_at_once(api: Api, loop: FakeLoop) -> None:
    api("POST", "/v2/pods", json=POD | {"scheduling": {"backoff": {"backoff": 30}}})
    loop.run_all()
    loop.tell(Condition.FAILED)
    loop.now += 9.5
    assert entry(api)["delay"] == {"timeLeftSeconds": 21, "overdue": False}
    assert entry(api)["since"] == "1970-01-12T13:46:40.000Z"
    loop.offers()
    assert entry(api)["count"] == 1
    answer = api("DELETE", "/v2/queue//product/web/delay")
    assert (answer.status_code, answer.content) == (204, b"")
    assert entry(api)["delay"] == {"timeLeftSeconds": 0, "overdue": True}
    loop.offers()
    assert api("GET", "/v2/queue").json() == {"queue": []}


@pytest.mark.parametrize("pod_id", ["/none", "/product/web"])
def test_a_delay_of_what_does_not_wait(api: Api, loop: FakeLoop, pod_id: str) -> None:
    api("POST", "/v2/pods", json=POD)
    loop.run_all()
    answer = api("DELETE", f"/v2/queue{pod_id}/delay")
    assert answer.status_code == 404
    assert pod_id in answer.json()["message"]
