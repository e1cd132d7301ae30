"""The leading master in ZooKeeper, with a fake of its client."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from structlog.testing import capture_logs

from scheduler.mesos.address import Address
from scheduler.mesos.detector import Detector
from tests.fakes.heard import Heard
from tests.fakes.zookeeper import FakeZooKeeper


def _info(ip: str) -> bytes:
    return json.dumps({"address": {"ip": ip, "port": 5050}, "hostname": ip}).encode()


@contextmanager
def _detecting(zookeeper: FakeZooKeeper, uri: str = "zk://z1:2181,z2:2181/mesos") -> Iterator[Heard[Address | None]]:
    found: Heard[Address | None] = Heard()
    failures: Heard[BaseException] = Heard()
    detector = Detector(uri, found.add, failures.add, zookeeper)
    detector.start()
    try:
        yield found
    finally:
        detector.stop()
    assert failures.all() == []


ONE, TWO = Address("10.0.0.1", 5050), Address("10.0.0.2", 5050)


def test_the_lowest_of_the_masters_leads_and_other_nodes_do_not_count() -> None:
    zookeeper = FakeZooKeeper()
    zookeeper.nodes = {
        "log_replicas": b"",
        "info_0000000000": b"protobuf",
        "json.info_0000000007": _info("10.0.0.2"),
        "json.info_0000000003": _info("10.0.0.1"),
    }
    with _detecting(zookeeper) as found:
        assert found.wait_for_count(1, "the leader") == [ONE]
        zookeeper.change({"json.info_0000000007": _info("10.0.0.2")})
        assert found.wait_for_count(2, "the next leader") == [ONE, TWO]
        zookeeper.change({})
        assert found.wait_for_count(3, "that nobody leads") == [ONE, TWO, None]


def test_a_path_that_does_not_exist_yet_is_waited_for() -> None:
    zookeeper = FakeZooKeeper()
    with _detecting(zookeeper) as found:
        zookeeper.change({"json.info_0000000000": _info("10.0.0.1")})
        assert found.wait_for(lambda seen: ONE in seen, "the leader")[-1] == ONE


def test_a_zookeeper_that_fails_is_asked_again_and_its_last_word_holds_meanwhile() -> None:
    zookeeper = FakeZooKeeper()
    zookeeper.nodes = {"json.info_0000000000": _info("10.0.0.1")}
    with capture_logs() as logs, _detecting(zookeeper) as found:  # its thread logs
        found.wait_for_count(1, "the leader")
        zookeeper.failing = True
        zookeeper.fire()
        found.wait_for(lambda _: any("cannot find" in line["event"] for line in logs), "the complaint")
        zookeeper.failing = False
        zookeeper.nodes = {"json.info_0000000001": _info("10.0.0.2")}
        zookeeper.connect()
        assert found.wait_for_count(2, "the next leader") == [ONE, TWO]


def test_a_login_in_the_address_is_used_and_not_part_of_the_hosts() -> None:
    zookeeper = FakeZooKeeper()
    with _detecting(zookeeper, "zk://me:s3cret@z1:2181,z2:2181/mesos"):
        assert zookeeper.arguments["hosts"] == "z1:2181,z2:2181"
        assert zookeeper.arguments["auth_data"] == [("digest", "me:s3cret")]


@pytest.mark.parametrize("uri", ["zk://z1:2181", "zk://z1:2181/", "zk:///mesos"])
def test_an_address_without_hosts_or_path_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="zk://HOST:PORT"):
        Detector(uri, lambda _: None, lambda _: None, FakeZooKeeper())


def test_a_detector_that_never_began_can_be_stopped() -> None:
    Detector("zk://z1:2181/mesos", lambda _: None, lambda _: None, FakeZooKeeper()).stop()


def test_an_error_of_our_own_is_reported() -> None:
    failures: Heard[BaseException] = Heard()
    broken = KeyError("bug")

    def found(_: Address | None) -> None:
        raise broken

    zookeeper = FakeZooKeeper()
    zookeeper.nodes = {"json.info_0000000000": _info("10.0.0.1")}
    detector = Detector("zk://z1:2181/mesos", found, failures.add, zookeeper)
    with capture_logs():
        detector.start()
        assert failures.wait_for_count(1, "the failure") == [broken]
    detector.stop()
