"""Placement constraints with the agents of a real Mesos."""

from collections import Counter
from typing import Any

from tests.cluster.support import Json, Scheduler, container


def placed(scheduler: Scheduler, name: str, instances: int, **constraint: Any) -> Counter[str]:
    """Run a pod with one constraint; returns the number of instances per host."""
    status: Json = scheduler.run(
        {
            "id": f"/{name}",
            "containers": [container("main", "exec sleep 1000")],
            "scaling": {"kind": "fixed", "instances": instances},
            "scheduling": {"placement": {"constraints": [constraint]}},
        }
    )
    return Counter(instance["agentHostname"] for instance in status["instances"])


def test_groups_of_equal_size(scheduler: Scheduler) -> None:
    hosts = placed(scheduler, "grouped", 6, fieldName="@hostname", operator="GROUP_BY")

    assert sorted(hosts.values()) == [2, 2, 2]


def test_one_host_of_a_name(scheduler: Scheduler) -> None:
    one = next(iter(placed(scheduler, "anywhere", 1, fieldName="hostname", operator="LIKE", value=".+")))
    hosts = placed(scheduler, "there", 3, fieldName="hostname", operator="IS", value=one)

    assert hosts == {one: 3}
