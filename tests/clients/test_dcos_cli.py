"""``dcos marathon pod``, ``deployment`` and ``debug``, as DC/OS ships them, do their work on this scheduler."""

import json
import re
from pathlib import Path

import httpx2
import pytest

from tests.clients.dcos import DcosCli
from tests.cluster.support import Json, Scheduler, container

pytestmark = pytest.mark.timeout(400)  # the first one makes the environment

POD = {"id": "/dcos/web", "containers": [container("one", "exec sleep 1000")]}
TOO_BIG = {"id": "/dcos/big", "containers": [container("one", "exec sleep 1000", resources={"cpus": 1000, "mem": 32})]}


@pytest.fixture
def dcos(scheduler: Scheduler, tmp_path: Path) -> DcosCli:
    """The command, set up for the scheduler."""
    return DcosCli(tmp_path, scheduler.client.url)


def created(printed: str) -> str:
    """The id of the deployment that a change reported."""
    found = re.search(r"Created deployment (\S+)", printed)
    assert found, printed
    return found[1]


def row(table: str, of: str) -> list[str]:
    """The words of the table's line that starts with these."""
    lines = [line.split() for line in table.splitlines()]
    found = [words for words in lines if words and words[0] == of]
    assert len(found) == 1, table
    return found[0]


def test_a_pods_life(scheduler: Scheduler, dcos: DcosCli, tmp_path: Path) -> None:
    """Added, listed, shown, updated, killed, removed."""
    file = tmp_path / "pod.json"
    file.write_text(json.dumps(POD))
    created(dcos.good("pod", "add", str(file)))
    first = scheduler.stable("/dcos/web")

    assert row(dcos.good("pod", "list"), "/dcos/web")[1:4] == ["1", first["spec"]["version"], "STABLE"]
    assert dcos.good("pod", "list", "--quiet").split() == ["/dcos/web"]
    (listed,) = dcos.json("pod", "list", "--json")
    shown = dcos.json("pod", "show", "/dcos/web")
    assert shown["instances"] == listed["instances"] == first["instances"]

    created(dcos.good("pod", "update", "/dcos/web", given=POD | {"labels": {"changed": "yes"}}))
    scheduler.wait("the deployment's end", lambda: not dcos.json("deployment", "list", "--json"))
    (second,) = scheduler.stable("/dcos/web")["instances"]
    assert second["id"] != first["instances"][0]["id"]

    dcos.good("pod", "kill", "/dcos/web", second["id"])

    def relaunched() -> Json | None:
        (instance,) = scheduler.client.status("/dcos/web")["instances"]
        again = all(each.get("containerId", "").endswith(".2") for each in instance.get("containers", ()))
        return instance if again and instance["status"] == "STABLE" else None

    assert scheduler.wait("the killed instance's next incarnation", relaunched)["id"] == second["id"]
    dcos.good("pod", "remove", "/dcos/web")
    assert dcos.json("pod", "list", "--json") == []
    gone = dcos("pod", "show", "/dcos/web")
    assert (gone.code, "does not exist" in gone.err) == (1, True)


def test_a_deployment_that_cannot_go_on_is_listed_explained_and_stopped(scheduler: Scheduler, dcos: DcosCli) -> None:
    deployment_id = created(dcos.good("pod", "add", given=TOO_BIG))
    assert row(dcos.good("deployment", "list"), "-") == ["-", "/dcos/big", "scale", "1/2", deployment_id]
    scheduler.wait("an offer was refused", lambda: scheduler.client.queue()[0].get("podexec"))
    assert row(dcos.good("debug", "list"), "/dcos/big")[2:4] == ["1", "True"]
    assert row(dcos.good("debug", "summary", "/dcos/big"), "CPUS")[1:4] == ["1000.1", "0", "/"]
    queue = httpx2.get(f"{scheduler.client.url}/v2/queue?embed=lastUnusedOffers", timeout=10).json()["queue"]
    hostnames = {unused["offer"]["hostname"] for unused in queue[0]["lastUnusedOffers"]}
    assert hostnames
    assert hostnames <= set(dcos.good("debug", "details", "/dcos/big").split())

    blocked = dcos("pod", "remove", "/dcos/big")
    assert (blocked.code, "deployment already in progress" in blocked.err) == (1, True)
    dcos.good("deployment", "stop", deployment_id)
    assert dcos.json("deployment", "list", "--json") == []
    assert [each["id"] for each in dcos.json("pod", "list", "--json")] == ["/dcos/big"]
    dcos.good("pod", "remove", "/dcos/big", "--force")


def test_a_deployment_that_cannot_go_on_is_rolled_back(scheduler: Scheduler, dcos: DcosCli) -> None:
    before = scheduler.run(POD)
    deployment_id = created(dcos.good("pod", "update", "/dcos/web", given=TOO_BIG | {"id": "/dcos/web"}))
    revert = json.loads(dcos.good("deployment", "rollback", deployment_id))
    assert revert["deploymentId"] != deployment_id
    dcos.good("deployment", "watch", revert["deploymentId"], "--max-count=60", "--interval=1")
    after = scheduler.stable("/dcos/web")
    assert after["spec"] == before["spec"]
    assert [each["id"] for each in after["instances"]] == [each["id"] for each in before["instances"]]
    gone = dcos("deployment", "rollback", deployment_id)
    assert gone.code == 1
