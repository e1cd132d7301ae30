"""``/v2/info`` and ``/ping``: the scheduler, its framework and its Mesos."""

from dataclasses import replace

from scheduler.core.events import Disconnected, FrameworksListed, Namesake, Subscribed
from tests.api.app import SERVER, Api
from tests.fakes.loop import FakeLoop


def test_info_before_mesos_has_answered(api: Api) -> None:
    assert api("GET", "/v2/info").json() == {
        "name": "podexec",
        "version": "1.2.3",
        "buildref": None,
        "elected": True,
        "leader": "127.0.0.1:8080",
        "frameworkId": None,
        "marathon_config": {"mesos_role": "*"},
        "zookeeper_config": {},
        "http_config": {"http_port": 8080},
    }


def test_options_that_marathon_does_not_have_are_shown_to_who_asks(loop: FakeLoop) -> None:
    server = replace(SERVER, config={"mesos_role": "*", "store": "memory:", "zk_max_versions": 50})
    api = Api(loop, server=server)
    plain, whole = (api("GET", f"/v2/info{query}").json() for query in ("", "?embed=podexec"))
    assert plain["marathon_config"] == whole["marathon_config"] == {"mesos_role": "*"}
    assert whole.pop("podexec") == {
        "config": {"store": "memory:", "zk_max_versions": 50},
        "mesos": {"version": None, "master": None, "connected": False},
    }
    assert plain == whole


def test_info_names_the_framework_and_mesos(api: Api, loop: FakeLoop) -> None:
    loop.happens(Subscribed("F-1", "10.0.0.1:5050", "1.11.0"))
    info = api("GET", "/v2/info?embed=podexec").json()
    assert info["frameworkId"] == "F-1"
    assert info["podexec"]["mesos"] == {"version": "1.11.0", "master": "10.0.0.1:5050", "connected": True}


def test_info_says_when_mesos_is_gone(api: Api, loop: FakeLoop) -> None:
    loop.happens(Subscribed("F-1", "10.0.0.1:5050", "1.11.0"))
    loop.happens(Disconnected())
    assert api("GET", "/v2/info?embed=podexec").json()["podexec"]["mesos"]["connected"] is False


def test_ping(api: Api) -> None:
    plain = api("GET", "/ping")
    assert (plain.text, plain.headers["Content-Type"]) == ("pong", "text/plain; charset=utf-8")
    assert api("GET", "/ping", headers={"Accept": "application/json"}).json() == "pong"


def test_the_leader_is_named_and_can_be_asked_to_give_up(api: Api, loop: FakeLoop) -> None:
    assert api("GET", "/v2/leader").json() == {"leader": "127.0.0.1:8080"}
    assert not loop.abdicated
    answer = api("DELETE", "/v2/leader/")
    assert (answer.status_code, answer.json()) == (200, {"message": "Leadership abdicated"})
    assert loop.abdicated


def test_frameworks_that_may_have_lost_their_store_to_this_one_are_named(api: Api, loop: FakeLoop) -> None:
    loop.happens(FrameworksListed((Namesake("old", "podexec", connected=False),)))
    info = api("GET", "/v2/info?embed=podexec").json()
    assert info["podexec"]["namesakes"] == [{"id": "old", "connected": False}]
