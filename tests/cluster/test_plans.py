"""Plans, and what then happens on a real Mesos."""

from tests.cluster.support import Json, Scheduler, container


def known(scheduler: Scheduler, pod: Json) -> Json:
    """The plan, once it is known whether there is room: offers are not asked for twice within some seconds."""

    def probe() -> Json | None:
        planned = scheduler.client.plan(pod)
        return planned if "placed" in planned["fit"] else None

    return scheduler.wait("agents offer what they have", probe)


def test_a_replacement_goes_as_planned(scheduler: Scheduler) -> None:
    """The field that differs is named, and the number of ready instances stays above what the plan says."""
    pod: Json = {"id": "/planned", "containers": [container("main", "exec sleep 1000")], "scaling": {"instances": 2}}
    scheduler.run(pod)
    assert scheduler.client.plan(pod)["action"] == "none"

    changed = pod | {"containers": [container("main", "exec sleep 2000")]}
    planned = known(scheduler, changed)
    assert [each["path"] for each in planned["differences"]] == ["/containers(main)/exec/command/shell"]
    assert (planned["rollout"]["replaced"], planned["rollout"]["lowestReady"]) == (2, 2)
    assert (planned["fit"]["asked"], planned["fit"]["placed"]) == (2, 2)
    fewest = 2

    scheduler.client.update(changed)

    def replaced() -> bool:
        nonlocal fewest
        status = scheduler.client.status("/planned")
        fewest = min(fewest, sum(each["status"] == "STABLE" for each in status["instances"]))
        return status["status"] == "STABLE" and scheduler.client.plan(changed)["action"] == "none"

    scheduler.wait("the replacement", replaced)
    assert fewest >= planned["rollout"]["lowestReady"]
    assert scheduler.client.plan(changed)["basedOn"] != planned["basedOn"]


def test_a_plan_that_does_not_fit_says_what_is_missing(scheduler: Scheduler) -> None:
    """Although nothing waits, agents are asked for their offers."""
    huge: Json = {"id": "/huge", "containers": [container("main", "exec sleep 1000")], "scaling": {"instances": 2}}
    huge["containers"][0]["resources"] = {"cpus": 500, "mem": 32}

    fit = known(scheduler, huge)["fit"]
    assert fit["placed"] == 0
    assert [each["reason"] for each in fit["nearest"]] == ["InsufficientCpus"]
