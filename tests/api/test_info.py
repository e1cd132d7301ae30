"""Who answers, for which framework, on which Mesos."""

from scheduler.core.events import Disconnected, Subscribed
from tests.api.fakes import Api, FakeShell


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
        "mesos": {"version": None, "master": None, "connected": False},
    }


def test_info_names_the_framework_and_mesos(api: Api, shell: FakeShell) -> None:
    shell.happens(Subscribed("F-1", "10.0.0.1:5050", "1.11.0"))
    info = api("GET", "/v2/info").json()
    assert info["frameworkId"] == "F-1"
    assert info["mesos"] == {"version": "1.11.0", "master": "10.0.0.1:5050", "connected": True}


def test_info_says_when_mesos_is_gone(api: Api, shell: FakeShell) -> None:
    shell.happens(Subscribed("F-1", "10.0.0.1:5050", "1.11.0"))
    shell.happens(Disconnected())
    assert api("GET", "/v2/info").json()["mesos"]["connected"] is False


def test_ping(api: Api) -> None:
    plain = api("GET", "/ping")
    assert (plain.text, plain.headers["Content-Type"]) == ("pong", "text/plain; charset=utf-8")
    assert api("GET", "/ping", headers={"Accept": "application/json"}).json() == "pong"


def test_the_leader_is_named_and_can_be_asked_to_give_up(api: Api, shell: FakeShell) -> None:
    assert api("GET", "/v2/leader").json() == {"leader": "127.0.0.1:8080"}
    assert not shell.abdicated
    answer = api("DELETE", "/v2/leader/")
    assert (answer.status_code, answer.json()) == (200, {"message": "Leadership abdicated"})
    assert shell.abdicated
