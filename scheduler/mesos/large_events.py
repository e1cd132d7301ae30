"""Splits an event with very many offers into small ones.

A decoder holds every other thread until it is done: seconds for the offers of 20,000 agents, a hundredth of that for
finding where each begins. So they are decoded some at a time.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from scheduler.mesos.recordio import Record

LARGE = 256 * 1024  # bytes
SLICE = 100  # offers


class _Offers(msgspec.Struct):
    offers: list[msgspec.Raw]


class _Event(msgspec.Struct):
    type: Literal["OFFERS"]
    offers: _Offers


_DECODER = msgspec.json.Decoder(_Event)


def small_events(record: Record) -> Iterator[tuple[Record, int]]:
    """Small events with the same offers in order, and for each how many are still to come.

    An event that is small, of another type or not readable is yielded as it is.
    """
    offers = _offers(record) if len(record) >= LARGE else None
    if offers is None:
        yield record, 0
        return
    for first in range(0, len(offers), SLICE):
        some = offers[first : first + SLICE]
        yield (
            b'{"type":"OFFERS","offers":{"offers":[' + b",".join(map(memoryview, some)) + b"]}}",
            len(offers) - first - len(some),
        )


def _offers(record: Record) -> list[msgspec.Raw] | None:
    try:
        return _DECODER.decode(record).offers.offers
    except (msgspec.DecodeError, RecursionError):
        return None
