"""Three masters' machines have a scheduler each: when the one that leads ends, another one answers."""

import json
from typing import Any

import pytest

from tests.cluster.support import wait_for
from tests.vagrant.cluster import delivered
from tests.vagrant.conftest import Machines

pytestmark = pytest.mark.timeout(900)
_SCHEDULERS = {"master-1": "192.168.56.11", "master-2": "192.168.56.12", "master-3": "192.168.56.13"}


@pytest.fixture(scope="module")
def cluster_file() -> dict[str, Any]:
    """Three masters, and one agent."""
    content = delivered()
    content["masters"]["count"] = 3
    content["agents"]["count"] = 1
    return content


def _status(machines: Machines, scheduler: str) -> dict[str, Any] | None:
    """Status of the example pod, as a scheduler tells it; None: it does not answer."""
    url = f"http://{scheduler}:8080/v2/pods/hello::status"
    done = machines["agent-1"].attempt("curl", "--silent", "--fail", "--max-time", "10", url)
    return json.loads(done.stdout) if done.returncode == 0 else None


def _leader(machines: Machines) -> str | None:
    """Name of the machine whose scheduler leads, as all that run agree."""
    found = set()
    for address in _SCHEDULERS.values():
        done = machines["agent-1"].attempt("curl", "--silent", "--max-time", "10", f"http://{address}:8080/v2/leader")
        if done.returncode == 0:
            found.add(json.loads(done.stdout).get("leader"))
    led = [name for name, address in _SCHEDULERS.items() if found == {f"{address}:8080"}]
    return led[0] if led else None


def _await_stable(machines: Machines, scheduler: str, after: object = None) -> list[tuple[str, Any]]:
    """The instances, and since when their containers are what they are, once the pod is stable, and other than that."""

    def probe() -> list[tuple[str, Any]] | None:
        status = _status(machines, scheduler)
        if status is None or status["status"] != "STABLE":
            return None
        lives = [
            (each["id"], [(container["containerId"], container["statusSince"]) for container in each["containers"]])
            for each in status["instances"]
        ]
        return lives if lives != after else None

    try:
        return wait_for(f"the example pod is STABLE, as {scheduler} tells", probe)
    except AssertionError as error:
        journals = "\n".join(machine.journal() for machine in machines.by_name.values())
        raise AssertionError(f"{error}\n{journals}") from None


def test_another_scheduler_answers_when_the_one_that_leads_is_stopped(machines: Machines) -> None:
    before, *others = (_await_stable(machines, address) for address in _SCHEDULERS.values())
    assert others == [before, before], "all of them tell the same"
    former = wait_for("all agree which scheduler leads", lambda: _leader(machines))
    machines[former].run("systemctl", "stop", "podexec")
    leader = wait_for("another one leads", lambda: (name := _leader(machines)) != former and name)
    assert _await_stable(machines, _SCHEDULERS[leader]) == before
    standby = next(name for name in _SCHEDULERS if name not in (former, leader))
    machines[standby].run("podexec", "pod", "kill", "/hello", "--yes")
    machines[former].run("systemctl", "start", "podexec")
    wait_for("the former leader stands by", lambda: _leader(machines) == leader)
    after, *others = (_await_stable(machines, address, before) for address in _SCHEDULERS.values())
    assert others == [after, after], "what a scheduler was asked that does not lead, was done"


def test_provisioning_again_changes_nothing(machines: Machines) -> None:
    leader = _leader(machines)
    lives = _await_stable(machines, _SCHEDULERS["master-3"])
    assert machines.provision() == dict.fromkeys(machines.by_name, "")
    assert (_leader(machines), _await_stable(machines, _SCHEDULERS["master-1"])) == (leader, lives)
