"""The pure parts under the driver: addresses, framing, and the choice of the next master."""

import pytest

from scheduler.mesos.address import (
    Address,
    address_of_master_info,
    parse_address,
    parse_location,
    parse_masters,
)
from scheduler.mesos.dialer import Dialer
from scheduler.mesos.recordio import FramingError, Record, RecordReader
from tests.fakes.server import record

A, B, C = Address("a", 5050), Address("b", 5050), Address("c", 5050)

# -------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.1:5051", Address("10.0.0.1", 5051)),
        ("master.example", Address("master.example", 5050)),
        ("[::1]:5051", Address("::1", 5051)),
        ("[::1]", Address("::1", 5050)),
        ("fe80::1", Address("fe80::1", 5050)),
    ],
)
def test_a_master_is_named_in_many_ways(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize("text", ["", " , ", ":5050", "host:port", "host:99999"])
def test_what_names_no_master_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_masters(text)


@pytest.mark.parametrize("location", ["//b:5050", "//b:5050/api/v1/scheduler", "http://b:5050/master", "b:5050"])
def test_a_redirect_names_its_target_with_or_without_a_scheme(location: str) -> None:
    assert parse_location(location, tls=False) == B


def test_a_redirect_to_tls_needs_tls_to_be_asked_for() -> None:
    with pytest.raises(ValueError, match="--mesos-tls"):
        parse_location("https://b:5050/", tls=False)
    assert parse_location("https://b:5050/", tls=True) == B


def test_the_record_in_zookeeper_gives_the_address() -> None:
    assert address_of_master_info({"address": {"ip": "10.0.0.1", "hostname": "h", "port": 5050}}).host == "10.0.0.1"
    assert address_of_master_info({"address": {"hostname": "h", "port": 5050}}).host == "h"
    with pytest.raises(ValueError, match="no address"):
        address_of_master_info({"ip": 16777343, "port": 5050})


# ---------------------------------------------------------------------------- framing

RECORDS = [b"{}", b"", b"x" * 100_000, b"1\n2", b"\n"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000, 10_000_000])
def test_records_come_out_whole_however_they_are_cut(size: int) -> None:
    data = b"".join(map(record, RECORDS))
    reader = RecordReader()
    found: list[Record] = []
    for at in range(0, len(data), size):
        reader.feed(data[at : at + size], found)
    assert found == RECORDS


@pytest.mark.parametrize("data", [b"abc\n", b"\n", b"-1\n", b"12x", b"99999999999999999999", b"2000\n"])
def test_what_is_not_recordio_is_refused_before_it_fills_the_memory(data: bytes) -> None:
    with pytest.raises(FramingError):
        RecordReader(max_record=1000).feed(data, [])


# ----------------------------------------------------------------------------- dialer


def _dialer(*masters: Address) -> Dialer:
    return Dialer(masters, first_pause=1.0, longest_pause=15.0)


def test_pauses_grow_at_random_and_stay_below_the_bound() -> None:
    for _ in range(20):
        dialer = _dialer(A)
        pauses = [dialer.failed() for _ in range(100)]
        for pause, most in zip(pauses, [1, 2, 4, 8] + [15] * 96, strict=True):
            assert most / 2 <= pause <= most
        assert len(set(pauses)) == 100


def test_only_a_granted_subscription_shortens_the_pauses() -> None:
    dialer = _dialer(A)
    for _ in range(10):
        dialer.failed()
    dialer.redirected(B)
    assert dialer.failed() > 7
    dialer.subscribed()
    assert dialer.failed() <= 1


def test_subscriptions_that_are_no_good_are_paused_between_unless_they_held() -> None:
    dialer = _dialer(A)
    for most in (1, 2, 4, 8, 15, 15):
        dialer.subscribed()
        assert most / 2 <= dialer.useless(held=1.0) <= most
    dialer.subscribed()
    assert dialer.useless(held=20.0) <= 1
    dialer.subscribed()
    assert dialer.failed() <= 1


def test_masters_are_tried_in_turn() -> None:
    dialer = _dialer(A, B)
    tried = []
    for _ in range(3):
        tried.append(dialer.target())
        dialer.failed()
    assert tried == [A, B, A]


def test_a_redirect_is_followed_at_once_and_forgotten_when_it_fails() -> None:
    dialer = _dialer(A, B)
    assert dialer.redirected(C) == 0
    assert dialer.target() == C
    dialer.failed()
    assert dialer.target() == A


def test_the_leader_that_zookeeper_names_is_the_only_one_to_try() -> None:
    dialer = _dialer()
    assert dialer.target() is None
    dialer.leads(B)
    dialer.failed()
    assert dialer.target() == B
    dialer.leads(None)
    assert dialer.target() is None
