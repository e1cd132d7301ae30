"""Deployments that are rolled back, by their deadline or by a user, while the leader changes.

The new version asks for more than any agent has, so that no deployment finishes by itself.
"""

import json
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from uuid import uuid4

import httpx2
import pytest

from bench.simulator import Simulator
from tests.ha.stage import DEADLINE, Node, definition, leader_of, standby_of, wait_for

INSTANCES = {"/roll/a": 1, "/roll/b": 2, "/roll/c": 3, "/roll/d": 5, "/roll/e": 8, "/roll/f": 13}
TERMINAL = ("deployment_success", "deployment_failed")
Leave = Callable[[Node], None]


def kill(leader: Node) -> None:
    """Let the leader's session expire."""
    leader.end(signal.SIGKILL)


def abdicate(leader: Node) -> None:
    """Hand over in order."""
    assert leader.http.delete("/v2/leader").status_code == 200


LEAVES = pytest.mark.parametrize("leave", [kill, abdicate], ids=lambda each: each.__name__)


@pytest.fixture
def two(nodes: list[Node], simulator: Simulator) -> tuple[Node, Node]:
    """The leader and the standby, with pods that run."""
    standby = standby_of(nodes)
    [leader] = [each for each in nodes if each is not standby]
    for pod_id, instances in INSTANCES.items():
        assert leader.post_pod(pod_id, instances=instances).status_code == 201
    wait_for("they run", lambda: not leader.get("/v2/deployments").json())
    assert simulator.stats().running == sum(INSTANCES.values())
    return leader, standby


def update(node: Node, pod_id: str, query: str = "") -> str:
    """Start a deployment that cannot finish; returns its id."""
    body = definition(pod_id, INSTANCES[pod_id])
    body["containers"][0]["resources"]["cpus"] = 5000
    answer = node.http.put(f"/v2/pods{pod_id}{query}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.headers["Marathon-Deployment-Id"]


def ends(leader: Node) -> dict[str, list[tuple[str, str]]]:
    """How the event stream says that each deployment has ended, as often as it does, and why.

    It has the last thousands of events: all that a test makes happen.
    """
    marker = f"/marker/{uuid4()}"
    assert leader.post_pod(marker).status_code == 201
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    numbers = []
    headers = {"Accept": "text/event-stream", "Last-Event-ID": "0"}
    with leader.http.stream("GET", "/v2/events?embed=podexec", headers=headers) as answer:
        for line in answer.iter_lines():
            if line.startswith("id: "):
                numbers.append(int(line[4:]))
            if line.startswith("data: "):
                event = json.loads(line[6:])
                if event["eventType"] in TERMINAL:
                    found[event["id"]].append((event["eventType"], event.get("reason", "")))
                    if marker in line:
                        break
    assert leader.http.delete(f"/v2/pods{marker}").status_code == 202
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return found


def check_restored(leader: Node, simulator: Simulator) -> None:
    """The pods are as they were before their deployments, and run."""
    wait_for("no deployment is left", lambda: not leader.get("/v2/deployments").json())
    wait_for("they run", lambda: simulator.stats().running == sum(INSTANCES.values()))
    assert {cpus(leader, pod_id) for pod_id in INSTANCES} == {0.001}
    assert simulator.stats().problems == {}


def cpus(node: Node, pod_id: str) -> float:
    """What the first container of the current version requests."""
    found: float = node.get(f"/v2/pods{pod_id}").json()["containers"][0]["resources"]["cpus"]
    return found


@LEAVES
def test_deadlines_roll_back_once_whoever_leads(two: tuple[Node, Node], simulator: Simulator, leave: Leave) -> None:
    """Some before the leader goes, some while nobody leads, some later; and not the one that is paused."""
    leader, standby = two
    *falling, paused = INSTANCES
    held = update(leader, paused, "?deadlineSeconds=1.5")
    assert leader.http.post(f"/v2/deployments/{held}/pause").status_code == 200
    made = {pod_id: update(leader, pod_id, f"?deadlineSeconds={number}") for number, pod_id in enumerate(falling, 1)}
    wait_for("the first one is rolled back", lambda: cpus(leader, falling[0]) == 0.001)
    leave(leader)
    new = leader_of([standby])
    wait_for("only the paused one is left", lambda: deployments(new) == [held])
    assert cpus(new, paused) == 5000
    found = ends(new)
    for pod_id, deployment_id in made.items():
        assert found[deployment_id] == [("deployment_failed", "not finished by its deadline, rolled back")], pod_id
    assert held not in found
    assert new.http.post(f"/v2/deployments/{held}/resume").status_code == 200  # its deadline continues
    check_restored(new, simulator)
    assert all(len(each) == 1 for each in ends(new).values()), "a deployment ended twice"


@LEAVES
def test_a_users_rollbacks_happen_once_whoever_leads(
    two: tuple[Node, Node], simulator: Simulator, leave: Leave
) -> None:
    """Each is asked for until an answer says that it was done, or that there is no such deployment any more."""
    leader, standby = two
    made = {pod_id: update(leader, pod_id) for pod_id in INSTANCES}
    answers: dict[str, list[int]] = defaultdict(list)
    some_asked = threading.Event()

    def roll_back() -> None:
        for number, deployment_id in enumerate(made.values()):
            if number == 2:
                some_asked.set()
            answered = answers[deployment_id]
            end = time.monotonic() + DEADLINE
            while not {200, 404} & set(answered) and time.monotonic() < end:
                try:
                    answered.append(standby.http.delete(f"/v2/deployments/{deployment_id}").status_code)
                except httpx2.HTTPError:
                    answered.append(0)

    asking = threading.Thread(target=roll_back)
    asking.start()
    assert some_asked.wait(DEADLINE)
    leave(leader)
    asking.join(2 * DEADLINE)
    new = leader_of([standby])
    check_restored(new, simulator)
    found = ends(new)
    for pod_id, deployment_id in made.items():
        assert found[deployment_id] == [("deployment_failed", "rolled back on request")], answers[deployment_id]
        # Only without an answer a second request may find that it was carried out.
        assert 200 in answers[deployment_id] or {0, 502} & set(answers[deployment_id]), answers
        history = new.get(f"/v2/pods{pod_id}::history").json()
        assert [each["action"] for each in history].count("deployment rolled back") == 1, history
    assert all(len(each) == 1 for each in found.values()), "a deployment ended twice"


def deployments(node: Node) -> list[str]:
    """The ids of the deployments that run."""
    return [each["id"] for each in node.get("/v2/deployments").json()]
