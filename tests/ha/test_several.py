"""Two schedulers over one store: who leads, what a standby answers, and what happens when the leader goes."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from bench.simulator import Simulator
from tests.ha.stage import DEADLINE, LEADER, SESSION, STALENESS, Node, leader_of, standby_of, wait_for

Json = dict[str, Any]


def pair(nodes: list[Node]) -> tuple[Node, Node]:
    """The leader and the standby, which knows the leader."""
    standby = standby_of(nodes)
    [leader] = [each for each in nodes if each is not standby]
    return leader, standby


# ------------------------------------------------------------------------- a standby


def test_a_standby_reads_from_its_own_world_and_says_how_old_it_is(nodes: list[Node]) -> None:
    leader, standby = pair(nodes)
    assert leader.post_pod("/shop/web").status_code == 201
    found = wait_for(
        "the pod at the standby", lambda: answer if (answer := standby.get("/v2/pods/shop/web")).is_success else None
    )
    assert found.json() == leader.get("/v2/pods/shop/web").json()
    assert 0 <= float(found.headers[STALENESS]) < 5
    assert found.headers[LEADER] == leader.url
    assert STALENESS not in leader.get("/v2/pods/shop/web").headers
    for path in ("/v2/groups", "/v2/deployments", "/v2/pods/::status", "/v2/pods/shop/web::versions"):
        assert STALENESS in standby.get(path).headers, path
    timeline = standby.get("/v2/pods/shop/web::timeline")
    assert STALENESS in timeline.headers
    assert timeline.json()["happenings"][0]["what"] == "created"


def test_plans_and_the_version_they_are_based_on_pass_a_standby(nodes: list[Node]) -> None:
    leader, standby = pair(nodes)
    pod = standby.post_pod("/shop/planned").json()
    changed = pod | {"scaling": {"kind": "fixed", "instances": 3}}
    planned = standby.http.post("/v2/pods/shop/planned::plan", json=changed)
    assert (planned.status_code, planned.headers[LEADER]) == (200, leader.url)
    assert (planned.json()["basedOn"], planned.json()["action"]) == (pod["version"], "scale")
    for version, status in (("2020-01-01T00:00:00.000Z", 412), (pod["version"], 200)):
        headers = {"If-Match": f'"{version}"'}
        answer = standby.http.put("/v2/pods/shop/planned?force=true", json=changed, headers=headers)
        assert answer.status_code == status


def test_a_standby_still_reads_while_the_leader_answers_nobody(nodes: list[Node]) -> None:
    leader, standby = pair(nodes)
    leader.signal(signal.SIGSTOP)
    try:
        assert standby.get("/v2/pods").status_code == 200
        assert standby.get("/ping").text == "pong"
    finally:
        leader.signal(signal.SIGCONT)


def test_what_is_written_through_a_standby_can_be_read_there_at_once(nodes: list[Node]) -> None:
    leader, standby = pair(nodes)
    for number in range(20):
        answer = standby.post_pod(f"/shop/web-{number}")
        assert (answer.status_code, answer.headers[LEADER]) == (201, leader.url)
        assert answer.headers["Marathon-Deployment-Id"]
        assert standby.get(f"/v2/pods/shop/web-{number}").json() == answer.json()
    assert standby.http.delete("/v2/pods/shop/web-7").status_code == 202
    wait_for("it is gone", lambda: standby.get("/v2/pods/shop/web-7").status_code == 404)


def test_refusals_and_large_bodies_pass_a_standby_unchanged(nodes: list[Node]) -> None:
    leader, standby = pair(nodes)
    label = {"labels": {"text": "[brackets] \x1b[31m" + "x" * 130_000}}
    assert standby.post_pod("/large", **label).status_code == 201
    assert leader.get("/v2/pods/large").json()["labels"] == label["labels"]
    for body in (b"{", b"[]", b'{"id": "/x y", "containers": []}', b"x" * (2 << 20)):
        sent = {"content": body, "headers": {"Content-Type": "application/json"}}
        there, here = leader.http.post("/v2/pods", **sent), standby.http.post("/v2/pods", **sent)
        assert (here.status_code, here.json()) == (there.status_code, there.json())
        assert here.status_code in (400, 413, 422)
    assert standby.get("/v2/nothing").status_code == 404


def test_both_show_who_leads(nodes: list[Node]) -> None:
    leader, standby = pair(nodes)
    for each in nodes:
        info = each.get("/v2/info?embed=podexec").json()
        assert info["elected"] is (each is leader)
        assert f"http://{info['leader']}" == leader.url
        assert info["marathon_config"]["ha"] is True
        assert info["podexec"]["schedulers"] == [
            {"url": leader.url, "elected": True},
            {"url": standby.url, "elected": False},
        ]
        assert info["podexec"]["mesos"]["connected"] is True
        assert "onHold" not in info["podexec"]
        assert "hu,sh" not in each.get("/v2/info?embed=podexec").text + each.tail()
        gauges = each.get("/metrics").json()["gauges"]
        assert (gauges["marathon.leadership.duration.gauge.seconds"]["value"] > 0) is (each is leader)
        assert gauges["podexec.leader.gauge"] == {"value": float(each is leader)}


def test_a_request_is_passed_on_only_once(nodes: list[Node]) -> None:
    _, standby = pair(nodes)
    answer = standby.http.delete("/v2/pods/x", headers={"X-Marathon-Via": "1.1 other:8080"})
    assert answer.status_code == 503
    assert "passed this request on" in answer.json()["message"]
    assert "X-Podexec-Not-Taken" in answer.headers


def test_pages_of_other_origins_change_nothing_through_a_standby(nodes: list[Node]) -> None:
    _, standby = pair(nodes)
    own, other = {"Origin": standby.url}, {"Origin": "http://evil.test"}
    assert standby.http.delete("/v2/pods/x", headers=own).status_code == 404
    assert standby.http.delete("/v2/pods/x", headers=other).status_code == 403


# ------------------------------------------------------------------------ a change of leaders


@contextmanager
def writing(nodes: list[Node]) -> Iterator[list[tuple[str, int]]]:
    """Pods are written all the time, to one scheduler after the other; yields them with the status of their answers."""
    done, answers = threading.Event(), []

    def write() -> None:
        number = 0
        while not done.is_set():
            node = nodes[number % len(nodes)]
            try:
                answer = node.post_pod(f"/written/pod-{number}")
                answers.append((f"/written/pod-{number}", answer.status_code))
            except httpx2.HTTPError:
                answers.append((f"/written/pod-{number}", 0))
            number += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield answers
    finally:
        done.set()
        thread.join(DEADLINE)


def test_abdication_waits_for_no_session_to_end_and_loses_nothing(nodes: list[Node], simulator: Simulator) -> None:
    leader, standby = pair(nodes)
    assert leader.post_pod("/shop/web", instances=7).status_code == 201
    wait_for("they run", lambda: simulator.stats().running == 7)
    kills = simulator.stats().calls.get("KILL", 0)
    with writing(nodes) as answers:
        wait_for("some are written", lambda: len(answers) >= 5)
        asked = time.monotonic()
        assert standby.http.delete("/v2/leader").json() == {"message": "Leadership abdicated"}
        assert standby.post_pod("/shop/new").status_code == 201
        took = time.monotonic() - asked
        assert leader_of(nodes) is standby
        before = len(answers)
        wait_for("more are written", lambda: len(answers) >= before + 5)
    assert took < SESSION, f"writes were answered after {took:.2f} s: {leader.tail()}\n{standby.tail()}"
    assert {status for _, status in answers} == {201}, answers
    there = {each["id"] for each in standby.get("/v2/pods").json()}
    assert there >= {pod_id for pod_id, _ in answers}
    stats = simulator.stats()
    assert (stats.running, stats.calls.get("KILL", 0) - kills, stats.problems) == (7, 0, {})
    assert standby_of(nodes) is leader


def events_until(node: Node, last: int, marker: str) -> list[int]:
    """The numbers of the events after ``last``, up to the one of a pod."""
    numbers = []
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(last)}
    with node.http.stream("GET", "/v2/events?embed=podexec", headers=headers) as answer:
        for line in answer.iter_lines():
            if line.startswith("id: "):
                numbers.append(int(line[4:]))
            if line.startswith("data: ") and marker in line:
                return numbers
    raise AssertionError(f"the stream ended after {numbers}")


def test_the_event_stream_ends_with_the_leader_and_goes_on_without_a_gap(nodes: list[Node]) -> None:
    leader, standby = pair(nodes)
    assert leader.post_pod("/before").status_code == 201
    first = events_until(standby, 0, "/before")
    assert first == list(range(first[0], first[0] + len(first)))
    ended = threading.Event()
    seen: list[str] = []

    def follow() -> None:
        with standby.http.stream("GET", "/v2/events", headers={"Accept": "text/event-stream"}) as answer:
            seen.extend(answer.iter_lines())
        ended.set()

    thread = threading.Thread(target=follow)
    thread.start()
    wait_for("it is open", lambda: seen)
    leader.http.delete("/v2/leader")
    thread.join(DEADLINE)
    assert ended.is_set(), "the stream did not end, or broke off"
    assert leader.post_pod("/after").status_code == 201
    for node in nodes:
        later = events_until(node, first[-1], "/after")
        assert later == list(range(first[-1] + 1, first[-1] + 1 + len(later)))


def test_a_leader_that_was_paused_neither_commits_nor_calls(nodes: list[Node], simulator: Simulator) -> None:
    leader, standby = pair(nodes)
    assert leader.post_pod("/shop/web", instances=3).status_code == 201
    wait_for("they run", lambda: simulator.stats().running == 3 and simulator.stats().is_settled)
    leader.signal(signal.SIGSTOP)
    answers: list[httpx2.Response] = []
    # It reads this once it continues, and would launch.
    asking = threading.Thread(target=lambda: answers.append(leader.post_pod("/zombie", instances=5)))
    asking.start()
    try:
        wait_for("another one leads", lambda: standby.info()["elected"])
        assert standby.post_pod("/shop/new", instances=2).status_code == 201
        wait_for("they run", lambda: simulator.stats().running == 5 and simulator.stats().is_settled)
        before, entries = simulator.stats(), standby.info()
        lost = len(leader.events("this scheduler no longer leads: it lost the store, and has done nothing since"))
    finally:
        leader.signal(signal.SIGCONT)
    leader.event("this scheduler no longer leads: it lost the store, and has done nothing since", lost + 1)
    asking.join(DEADLINE)
    [answer] = answers
    if answer.status_code == 201:  # passed on to the other one, which has it
        assert standby.get("/v2/pods/zombie").json()["id"] == "/zombie"
        wait_for("it runs", lambda: simulator.stats().running == 10)
    else:
        assert (answer.status_code, standby.get("/v2/pods/zombie").status_code) == (503, 404)
    assert standby_of(nodes) is leader
    after = simulator.stats()
    assert (after.subscriptions, after.problems) == (before.subscriptions, {})
    assert standby.info()["elected"] is entries["elected"]
    assert {each["id"] for each in leader.get("/v2/pods").json()} >= {"/shop/web", "/shop/new"}


def test_a_standby_that_was_paused_takes_part_again(nodes: list[Node]) -> None:
    leader, standby = pair(nodes)

    def known() -> list[str]:
        schedulers = leader.get("/v2/info?embed=podexec").json()["podexec"]["schedulers"]
        return [each["url"] for each in schedulers]

    standby.signal(signal.SIGSTOP)
    try:
        wait_for("it is out of the election", lambda: known() == [leader.url])
        assert leader.post_pod("/meanwhile").status_code == 201
    finally:
        standby.signal(signal.SIGCONT)
    wait_for("it is back", lambda: known() == [leader.url, standby.url])
    wait_for("it has followed", lambda: standby.get("/v2/pods/meanwhile").status_code == 200)
    assert leader_of(nodes) is leader


def test_a_leader_that_is_stopped_hands_over_before_it_ends(nodes: list[Node]) -> None:
    leader, standby = pair(nodes)
    with leader.http.stream("GET", "/v2/events"), standby.http.stream("GET", "/v2/events"):
        stopped = time.monotonic()
        ending = threading.Thread(target=leader.end, args=(signal.SIGTERM,))
        ending.start()
        assert standby.post_pod("/shop/new").status_code == 201
        took = time.monotonic() - stopped
        ending.join(DEADLINE)
    assert took < SESSION, f"writes were answered after {took:.2f} s: {standby.tail()}"
    assert leader.end(signal.SIGTERM) == 0, leader.tail()


def test_errors_of_the_log_are_json(nodes: list[Node]) -> None:
    """None of the changes of leaders before has left a traceback."""
    for each in nodes:
        strange = [line for line in each.lines if not line.startswith("{") or "Traceback" in line]
        assert strange == [], json.dumps(strange)
