"""``podexec scheduler`` with its store in ZooKeeper."""

import json
import signal
import urllib.request
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.test_scheduler import DEADLINE, get, scheduler
from tests.zookeeper import Ensemble

POD = json.dumps({"id": "/pod", "containers": [{"name": "one", "resources": {}}]}).encode()

NO_LOGIN = "the store has no login: everybody who reaches the ZooKeeper servers can read and change it"


def post(url: str) -> int:
    request = urllib.request.Request(f"{url}/v2/pods", POD, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=DEADLINE) as response:
        return int(response.status)


def test_what_was_accepted_is_there_after_a_restart_and_the_login_is_never_shown(zookeeper: Ensemble) -> None:
    store = zookeeper.url(f"/cli/{uuid4().hex}", login="ada:hush-hush")
    with scheduler(store=store, more=("--log-level", "debug")) as first:
        serving = first.event("serving")
        assert serving["store"] == store.replace("ada:hush-hush@", "")
        assert post(serving["url"]) == 201
        info = get(f"{serving['url']}/v2/info?embed=podexec")[1]
        assert first.end(signal.SIGTERM) == 0, first.seen
        seen = [*first.seen]
    with scheduler(store=store) as second:
        assert [each["id"] for each in get(f"{second.event('serving')['url']}/v2/pods")[1]] == ["/pod"]
        assert second.end(signal.SIGTERM) == 0, second.seen
    for secret in ("hush", "YWRh"):
        assert secret not in repr(seen)
        assert secret not in json.dumps(info)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_scheduler_that_waits_for_the_servers_says_so_and_ends_in_peace(number: int) -> None:
    with scheduler(store="zk://hush:hush@127.0.0.1:1/store") as process:
        assert process.event("waiting for ZooKeeper")["store"] == "zk://127.0.0.1:1/store"
        assert process.end(number) == 0, process.seen


def test_a_scheduler_that_waited_for_the_servers_serves_once_they_are_there(tmp_path: Path) -> None:
    ensemble = Ensemble(tmp_path, 1)
    with scheduler(store=ensemble.url("/store")) as process:
        process.event("waiting for ZooKeeper")
        with ensemble:
            assert process.event(NO_LOGIN)["level"] == "warning"
            assert post(process.event("serving")["url"]) == 201
            assert process.end(signal.SIGTERM) == 0, process.seen


def test_the_session_lasts_as_long_as_asked_for_also_without_other_schedulers(zookeeper: Ensemble) -> None:
    more = ("--zk-session-timeout", "23450")
    with scheduler(store=zookeeper.url(f"/cli/{uuid4().hex}"), more=more) as process:
        process.event("serving")
        [server] = zookeeper.servers
        assert ",to=23450," in server.command("cons")
        assert process.end(signal.SIGTERM) == 0, process.seen


def test_another_scheduler_has_it_open(zookeeper: Ensemble) -> None:
    store = zookeeper.url(f"/cli/{uuid4().hex}")
    with scheduler(store=store) as first:
        first.event("serving")
        with scheduler(store=store) as second:
            assert second.event("waiting for the session of another scheduler to end")["writer"].startswith("process ")
            assert first.end(signal.SIGTERM) == 0, first.seen
            second.event("serving")
            assert second.end(signal.SIGTERM) == 0, second.seen
