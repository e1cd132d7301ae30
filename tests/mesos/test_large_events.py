"""Events with very many offers are split, so that decoding them holds nothing else for long."""

import json
from threading import Event
from typing import Any

import pytest

from scheduler.core.events import OffersReceived
from scheduler.mesos import follower
from scheduler.mesos.codec import parsed
from scheduler.mesos.large_events import LARGE, SLICE, small_events
from tests.core.support import offer
from tests.fakes.master import FakeMaster
from tests.mesos.running import connected


def event(*offers: Any, **members: Any) -> dict[str, Any]:
    return {"type": "OFFERS", "offers": {"offers": list(offers)}} | members


def many(count: int) -> list[dict[str, Any]]:
    """Offers with brackets, quotes and other alphabets in their texts, and of unequal lengths."""
    texts = ('", "id": {"value": "X"}', "}]}", "\\", "ünï 漢字", "\x01", "x" * 4000)
    return [
        offer(f"O{number}", f"A{number}", attributes=[{"name": "text", "text": {"value": texts[number % len(texts)]}}])
        for number in range(count)
    ]


@pytest.mark.parametrize("count", [0, 1, SLICE - 1, SLICE, SLICE + 1, 3 * SLICE, 1234])
@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_every_offer_is_in_one_event_and_in_order(count: int, ensure_ascii: bool) -> None:
    offers = many(count)
    record = json.dumps(event(*offers, padding="x" * LARGE), ensure_ascii=ensure_ascii).encode()
    parts = [(json.loads(part), more) for part, more in small_events(record)]

    assert [each for part, _ in parts for each in part["offers"]["offers"]] == offers
    assert all(len(part["offers"]["offers"]) <= SLICE for part, _ in parts)
    assert [more for _, more in parts] == [max(count - SLICE * (place + 1), 0) for place in range(len(parts))]


@pytest.mark.parametrize(
    "record",
    [
        json.dumps(event(*many(3))).encode(),
        json.dumps({"type": "UPDATE", "offers": {"offers": many(1)}, "padding": "x" * LARGE}).encode(),
        json.dumps({"type": "OFFERS", "offers": 5, "padding": "x" * LARGE}).encode(),
        json.dumps({"type": "OFFERS", "offers": {"offers": {}}, "padding": "x" * LARGE}).encode(),
        json.dumps({"type": "OFFERS", "padding": "x" * LARGE}).encode(),
        b"[" * LARGE,
        b"no JSON" * LARGE,
    ],
    ids=["small", "another type", "no object", "no list", "no offers", "deep", "no JSON"],
)
def test_any_other_event_stays_as_it_is(record: bytes) -> None:
    assert list(small_events(record)) == [(record, 0)]


def test_the_scheduler_hears_of_each_slice_and_of_how_many_follow(master: FakeMaster) -> None:
    """Also beside one that is no offer."""
    offers: list[Any] = many(5 * SLICE)
    offers[7] = 7
    with connected(master) as framework:
        master.send(event(*offers))
        heard = framework.wait_for(OffersReceived, 5)

    assert [(len(each.offers), each.more) for each in heard if isinstance(each, OffersReceived)] == [
        (SLICE - 1, 4 * SLICE),
        *((SLICE, more * SLICE) for more in (3, 2, 1, 0)),
    ]


def test_the_first_slice_is_heard_before_the_last_is_decoded(
    master: FakeMaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the first offers may be all that is needed, and decoding the others takes long."""
    heard_first = Event()
    was_early: list[bool] = []

    def decoded(record: bytes) -> Any:
        if f'"O{SLICE}"'.encode() in record:
            was_early.append(heard_first.wait(5))
        return parsed(record)

    monkeypatch.setattr(follower, "parsed", decoded)
    with connected(master) as framework:
        master.send(event(*many(2 * SLICE)))
        framework.wait_for(OffersReceived, 1)
        heard_first.set()
        framework.wait_for(OffersReceived, 2)

    assert was_early == [True], "the second slice was decoded before the first had been submitted"
