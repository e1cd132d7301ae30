"""Sixteen sequences that Marathon's own system tests go through with pods, over HTTP only, on three agents.

Each is run on podexec's executors and on those that the agents have for ``--executor default``. What containers do is
seen by what they serve.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.cluster.support import HTTP, Json, Scheduler, agent_state, both_executors, container, wait_for
from tests.cluster.user import User
from tests.cluster.volumes import volumes

pytestmark = both_executors

STAY = "exec sleep 1000"
BUSYBOX = {"kind": "DOCKER", "id": "busybox:1.35"}
# The first check comes after a server has started; a failed one would cost an interval.
OFTEN = {"delaySeconds": 1, "intervalSeconds": 2, "timeoutSeconds": 1, "gracePeriodSeconds": 30}


def pod(pod_id: str, *containers: Json, instances: int = 1, **more: Any) -> Json:
    """A pod, by default of one container that keeps running."""
    scaling = {"kind": "fixed", "instances": instances}
    return {"id": pod_id, "containers": [*containers] or [container("main", STAY)], "scaling": scaling} | more


def server(name: str, prepare: str, **more: Any) -> Json:
    """A container that prepares and then serves its folder www at its endpoint; it is ready when it answers."""
    endpoints = [{"name": name, "hostPort": 0, **more.pop("endpoint", {})}]
    check = {"http": {"endpoint": name, "path": "/index.html"}, **OFTEN, "maxConsecutiveFailures": 1}
    shell = f"mkdir www; {prepare}; exec busybox httpd -f -p $ENDPOINT_{name.upper()} -h www"
    return container(name, shell, endpoints=endpoints, healthCheck=check, **more)


def asks(url: str) -> Json:
    """A health check with a request from inside the container."""
    return {"exec": {"command": {"shell": f"busybox wget -q -O- {url}"}}, **OFTEN}


def test_1_a_pod_is_created_and_runs_and_is_removed(user: User) -> None:
    """The event stream publishes all of it in order."""
    created = user.ask("POST", "/v2/pods", 201, pod("/one"))
    deployment = created.headers["Marathon-Deployment-Id"]
    assert created.headers["Location"] == "/v2/pods/one"
    assert created.json() == user.get("/v2/pods/one") == user.status("/one")["spec"]
    assert plan(user, deployment) == [[("StartPod", "/one")], [("ScalePod", "/one")]]
    user.done(deployment)

    status = user.status("/one")
    assert (status["id"], status["status"]) == ("/one", "STABLE")
    instance = only(status["instances"])
    assert instance["status"] == "STABLE"
    assert instance["specReference"] == f"/v2/pods/one::versions/{created.json()['version']}"
    assert instance["resources"] == {"cpus": 0.2, "mem": 64, "disk": 10, "gpus": 0}
    assert only(instance["containers"])["containerId"] == f"{instance['id']}.main.1"
    assert "/one" in [each["id"] for each in user.get("/v2/pods")]

    removed = user.ask("DELETE", "/v2/pods/one", 202)
    assert removed.content == b""
    for suffix in ("", "::status", "::versions"):
        answer = user.ask("GET", f"/v2/pods/one{suffix}", 404)
        assert answer.json() == {"message": "Pod '/one' does not exist", "details": []}
    assert plan(user, removed.headers["Marathon-Deployment-Id"]) == [[("StopPod", "/one")]]
    user.done(removed.headers["Marathon-Deployment-Id"])
    user.hears("app_terminated_event", appId="/one")
    assert user.get("/v2/deployments") == []

    told = iter(user.told)
    for kind, members in (
        ("pod_created_event", {"clientIp": "127.0.0.1", "uri": "/v2/pods"}),
        ("deployment_info", {}),
        ("deployment_step_success", {}),
        ("instance_changed_event", {"condition": "Scheduled", "agentId": None, "host": None}),
        ("instance_changed_event", {"condition": "Provisioned", "host": instance["agentHostname"]}),
        ("status_update_event", {"taskStatus": "TASK_RUNNING", "taskId": f"{instance['id']}.main.1", "appId": "/one"}),
        ("deployment_success", {"id": deployment}),
        ("pod_deleted_event", {"clientIp": "127.0.0.1", "uri": "/v2/pods/one"}),
        ("status_update_event", {"taskStatus": "TASK_KILLED", "taskId": f"{instance['id']}.main.1"}),
        ("instance_changed_event", {"condition": "Killed", "instanceId": instance["id"]}),
        ("app_terminated_event", {"appId": "/one"}),
    ):
        assert any(each.kind == kind and members.items() <= each.content.items() for each in told), (kind, members)


def test_2_a_killed_instance_comes_back_as_its_next_incarnation(user: User) -> None:
    first = only(user.run(pod("/two", container("a", STAY), container("b", STAY)))["instances"])
    assert launches(first) == {"1"}

    killed = user.ask("DELETE", f"/v2/pods/two::instances/{first['id']}", 200).json()
    assert killed["instanceId"] == first["id"]
    assert (killed["state"]["condition"], killed["state"]["goal"]) == ("Running", "Running")
    assert (killed["agentInfo"]["host"], killed["agentInfo"]["agentId"]) == (first["agentHostname"], first["agentId"])

    second = relaunched(user, "/two", first)
    assert [each["name"] for each in second["containers"]] == ["a", "b"]
    ended = only(user.status("/two")["terminationHistory"])
    assert ended["instanceID"] == first["id"]
    assert {each["lastKnownState"] for each in ended["containers"]} == {"TASK_KILLED"}

    unknown = first["id"][:-1] + ("0" if first["id"][-1] != "0" else "1")
    assert "does not exist" in user.ask("DELETE", f"/v2/pods/two::instances/{unknown}", 404).json()["message"]
    user.ask("DELETE", "/v2/pods/two::instances/nothing", 422)


def test_3_pods_created_at_once_each_have_their_deployment(user: User) -> None:
    pod_ids = [f"/three/p{number}" for number in range(4)]
    with ThreadPoolExecutor(len(pod_ids)) as pool:
        deployments = list(pool.map(lambda pod_id: user.post(pod(pod_id)), pod_ids))
    assert len(set(deployments)) == len(pod_ids)
    for pod_id, deployment in zip(pod_ids, deployments, strict=True):
        user.done(deployment)
        assert plan(user, deployment) == [[("StartPod", pod_id)], [("ScalePod", pod_id)]]
        assert user.status(pod_id)["status"] == "STABLE"
        assert len(user.instances(pod_id)) == 1


def test_4_a_pod_is_scaled_up_and_down(user: User) -> None:
    """Running instances stay when others are added; surplus ones leave the status when they end; none is duplicated."""
    one = ids(user.run(pod("/four"))["instances"])
    deployment = user.put(pod("/four", instances=3))
    assert plan(user, deployment) == [[("ScalePod", "/four")]]
    user.done(deployment)
    three = user.instances("/four")
    assert one < ids(three)
    assert [each["status"] for each in three] == ["STABLE"] * 3

    user.done(user.put(pod("/four", instances=1)))
    left = only(user.instances("/four"))
    assert left["id"] in ids(three)
    assert left["status"] == "STABLE"
    assert launches(left) == {"1"}
    assert len(user.get("/v2/pods/four::versions")) == 3


def test_5_changed_resources_make_a_second_version_and_replace_the_instances(user: User) -> None:
    first = user.run(pod("/five", instances=2))
    more = container("main", STAY, resources={"cpus": 0.2, "mem": 48})
    changed = user.ask("PUT", "/v2/pods/five", 200, pod("/five", more, instances=2))
    deployment = changed.headers["Marathon-Deployment-Id"]
    assert plan(user, deployment) == [[("RestartPod", "/five")]]
    user.done(deployment)

    old, new = first["spec"]["version"], changed.json()["version"]
    assert user.get("/v2/pods/five::versions") == [old, new]
    assert user.get(f"/v2/pods/five::versions/{old}") == first["spec"]
    assert user.get(f"/v2/pods/five::versions/{new}") == changed.json() == user.get("/v2/pods/five")
    after = user.instances("/five")
    assert len(after) == 2
    assert ids(after).isdisjoint(ids(first["instances"]))
    for instance in after:
        assert instance["specReference"] == f"/v2/pods/five::versions/{new}"
        assert instance["resources"] == {"cpus": 0.3, "mem": 80, "disk": 10, "gpus": 0}

    same = user.put(user.get("/v2/pods/five"))  # what GET shows, put again
    assert plan(user, same) == []
    assert user.get("/v2/pods/five::versions") == [old, new]
    assert ids(user.instances("/five")) == ids(after)


def test_6_containers_meet_on_a_dynamic_port_of_the_host(user: User) -> None:
    """The server is checked by HTTP, the client by its own request to the server."""
    client = container("client", STAY, healthCheck=asks("http://127.0.0.1:$ENDPOINT_WEB/"))
    served = server("web", "echo served > www/index.html")
    status = user.run(pod("/six", served, client, networks=[{"mode": "host"}]))
    assert status["spec"]["containers"][0]["endpoints"] == [{"name": "web", "hostPort": 0}]
    instance = only(status["instances"])
    web, asking = instance["containers"]
    endpoint = only(web["endpoints"])
    assert endpoint["name"] == "web"
    assert endpoint["healthy"] is True
    assert 31000 <= endpoint["allocatedHostPort"] <= 32000
    for each in (web, asking):
        condition = only(each["conditions"])
        assert (condition["name"], condition["value"]) == ("healthy", "true")
        assert condition["reason"] == "health-reported-by-mesos"
    assert page(instance, "web") == "served\n"


def test_7_an_unhealthy_container_has_its_instance_started_anew(user: User) -> None:
    """A script behind the web server removes the page, like a failing service."""
    script = "#!/bin/sh\\nrm ../index.html; echo; echo gone\\n"
    prepare = (
        f"mkdir www/cgi-bin; printf '{script}' > www/cgi-bin/fail; chmod +x www/cgi-bin/fail; touch www/index.html"
    )
    definition = pod("/seven", server("web", prepare), container("sibling", STAY), networks=[{"mode": "host"}])
    first = only(user.run(definition)["instances"])
    assert page(first, "web", "cgi-bin/fail") == "gone\n"
    user.hears("instance_health_changed_event", instanceId=first["id"], healthy=False)
    second = relaunched(user, "/seven", first)
    assert second["containers"][0]["endpoints"][0]["healthy"] is True
    ended = only(user.status("/seven")["terminationHistory"])
    assert {each["lastKnownState"] for each in ended["containers"]} == {"TASK_KILLED"}


def test_8_containers_share_an_address_of_a_container_network_and_its_ports_are_mapped(user: User) -> None:
    """Both share an address, reach each other on localhost, and the mapped port answers from outside."""
    endpoint = {"containerPort": 8080, "protocol": ["tcp"]}
    served = server("web", "hostname -i > www/index.html", endpoint=endpoint, image=BUSYBOX)
    beside = container("beside", STAY, image=BUSYBOX, healthCheck=asks("http://127.0.0.1:8080/"))
    other = server("other", "hostname -i > www/index.html", endpoint=endpoint | {"containerPort": 8081})
    status = user.run(pod("/eight", served, beside, other | {"image": BUSYBOX}, networks=[{"mode": "container"}]))
    instance = only(status["instances"])
    network = only(instance["networks"])
    assert network["name"] == "dcos"
    address = only(network["addresses"])
    assert address != instance["agentHostname"]
    assert page(instance, "web") == page(instance, "other") == f"{address}\n"


def test_9_a_head_request_tells_that_pods_are_supported(user: User) -> None:
    answer = user.ask("HEAD", "/v2/pods", 200)
    assert answer.content == b""
    assert answer.headers["Content-Type"] == "application/json"


def test_10_of_several_instances_those_of_a_list_are_killed(user: User) -> None:
    """Once each, however often they are named; the ids of no instance are passed over. One that is wiped is replaced
    by another instance.
    """
    before = user.run(pod("/ten", instances=3))["instances"]
    *going, staying = before
    asked = [*(each["id"] for each in going), going[0]["id"], "ten.instance-none"]
    killed = user.ask("DELETE", "/v2/pods/ten::instances", 200, asked).json()
    assert [each["instanceId"] for each in killed] == [each["id"] for each in going]
    for each in going:
        relaunched(user, "/ten", each)
    after = {each["id"]: each for each in user.instances("/ten")}
    assert after.keys() == ids(before)
    assert after[staying["id"]] == staying

    user.ask("DELETE", "/v2/pods/ten::instances", 200, [staying["id"]], wipe="true")

    def three_with_another() -> bool:
        stable = {each["id"] for each in user.instances("/ten") if is_stable(each)}
        return len(stable) == 3 and staying["id"] not in stable and ids(going) < stable

    user.until("another one is in its place", three_with_another)

    malformed = user.ask("DELETE", "/v2/pods/ten::instances", 422, ["ten"]).json()
    assert only(malformed["details"])["path"] == "/(0)"
    user.ask("DELETE", "/v2/pods/none::instances", 404, asked)


def test_11_what_one_container_writes_to_a_shared_volume_another_reads(user: User) -> None:
    """Each at its own path, one of them in an image and read-only."""
    writer = container("writer", f"echo of the writer > out/file; {STAY}")
    read = "until test -s /in/file; do sleep 0.1; done; cat /in/file > www/index.html"
    refused = "touch /in/new 2> error || echo refused >> www/index.html"
    reader = server("reader", f"{read}; {refused}", image=BUSYBOX)
    writer["volumeMounts"] = [{"name": "shared", "mountPath": "out"}]
    reader["volumeMounts"] = [{"name": "shared", "mountPath": "/in", "readOnly": True}]
    status = user.run(pod("/eleven", writer, reader, volumes=[{"name": "shared"}], networks=[{"mode": "host"}]))
    assert page(only(status["instances"]), "reader") == "of the writer\nrefused\n"


def test_12_a_persistent_volume_outlives_a_kill_and_goes_with_a_wipe(
    user: User, scheduler: Scheduler, executor_kind: str
) -> None:
    role = f"twelve-{executor_kind}"
    db = server("db", "rmdir www; ln -s data www; echo $MESOS_TASK_ID >> data/index.html")
    db["volumeMounts"] = [{"name": "data", "mountPath": "data"}]
    data = {"name": "data", "persistent": {"size": 16}}
    definition = pod(f"/{role}/db", db, role=role, volumes=[data], networks=[{"mode": "host"}])
    first = only(user.run(definition)["instances"])
    volume = only(first["localVolumes"])
    assert (volume["runSpecId"], volume["containerPath"]) == (definition["id"], "data")
    assert volume["persistenceId"] == f"{role}_db#data#{volume['uuid']}"
    assert page(first, "db") == f"{first['id']}.db.1\n"

    user.ask("DELETE", f"/v2/pods/{role}/db::instances/{first['id']}", 200)
    second = relaunched(user, definition["id"], first)
    assert (second["localVolumes"], second["agentId"]) == (first["localVolumes"], first["agentId"])
    assert page(second, "db") == f"{first['id']}.db.1\n{first['id']}.db.2\n"

    user.ask("DELETE", f"/v2/pods/{role}/db::instances/{first['id']}", 200, wipe="true")

    def other() -> Json | None:
        fresh = [each for each in user.instances(definition["id"]) if each["id"] != first["id"]]
        return next(filter(is_stable, fresh), None)

    third = user.until("another instance", other)
    kept = only(third["localVolumes"])["persistenceId"]
    assert kept != volume["persistenceId"]
    assert page(third, "db") == f"{third['id']}.db.1\n"
    wait_for("the old volume is gone", lambda: [each.name for each in volumes(scheduler, role)] == [kept])

    user.done(user.delete(definition["id"]))
    agents = [agent.address for agent in scheduler.cluster.agents]
    wait_for("nothing is reserved", lambda: not any(role in agent_state(each)["reserved_resources"] for each in agents))


def test_13_a_pod_that_fits_nowhere_waits_with_a_reason_until_its_deployment_is_ended(user: User) -> None:
    """Cancelled with rollback, the pod is gone as if it had never been requested; with force, it stays and waits."""
    definition = pod("/thirteen", container("main", STAY, resources={"cpus": 1000, "mem": 32}))
    deployment = user.post(definition)
    waiting = refused_by_all(user, "/thirteen", "InsufficientCpus")
    assert (waiting["count"], waiting["delay"]) == (1, {"timeLeftSeconds": 0, "overdue": True})
    nearest = only(waiting["podexec"]["nearest"])
    assert (nearest["reason"], nearest["asked"], nearest["agents"]) == ("InsufficientCpus", "1000.1", 3)
    assert 0 < float(nearest["offered"]) < 1000
    shown = only(user.get("/v2/deployments"))
    assert (shown["id"], shown["affectedPods"]) == (deployment, ["/thirteen"])
    assert (shown["currentStep"], shown["totalSteps"]) == (2, 2)
    assert shown["currentActions"] == [{"action": "ScalePod", "pod": "/thirteen", "readinessCheckResults": []}]
    assert user.status("/thirteen")["status"] == "DEGRADED"

    revert = user.ask("DELETE", f"/v2/deployments/{deployment}", 200).json()
    user.hears("deployment_failed", id=deployment)
    user.done(revert["deploymentId"])
    user.ask("GET", "/v2/pods/thirteen", 404)
    assert user.get("/v2/queue") == {"queue": []}

    deployment = user.post(definition)
    assert user.ask("DELETE", f"/v2/deployments/{deployment}", 202, force="true").content == b""
    user.hears("deployment_failed", id=deployment)
    assert user.get("/v2/deployments") == []
    assert user.get("/v2/pods/thirteen")["id"] == "/thirteen"
    assert refused_by_all(user, "/thirteen", "InsufficientCpus")["count"] == 1
    assert "does not exist" in user.ask("DELETE", f"/v2/deployments/{deployment}", 404).json()["message"]


def test_14_of_more_instances_than_hosts_each_unique_host_gets_one(user: User) -> None:
    unique = {"placement": {"constraints": [{"fieldName": "hostname", "operator": "UNIQUE"}]}}
    deployment = user.post(pod("/fourteen", instances=4, scheduling=unique))
    user.until("three instances", lambda: sum(map(is_stable, user.instances("/fourteen"))) == 3)
    assert refused_by_all(user, "/fourteen", "UnfulfilledConstraint")["count"] == 1
    instances = user.instances("/fourteen")
    assert len({each["agentHostname"] for each in instances}) == len(instances) == 3
    assert user.status("/fourteen")["status"] == "DEGRADED"
    assert [each["id"] for each in user.get("/v2/deployments")] == [deployment]


def test_15_what_is_wrong_is_refused_and_changes_nothing(user: User) -> None:
    deployment = user.post(pod("/fifteen"))
    locked = user.ask("PUT", "/v2/pods/fifteen", 409, pod("/fifteen", instances=2)).json()
    assert "force" in locked["message"]
    assert locked["deployments"] == [{"id": deployment}]
    user.done(deployment)
    before = user.status("/fifteen")

    twice = user.ask("POST", "/v2/pods", 409, pod("/fifteen", instances=2)).json()
    assert "/fifteen" in twice["message"]
    other = user.ask("PUT", "/v2/pods/fifteen", 400, pod("/other")).json()
    assert {"'/fifteen'", "'/other'"} <= set(other["message"].replace(",", "").split())
    none = user.ask("PUT", "/v2/pods/fifteen", 422, pod("/fifteen") | {"containers": []}).json()
    assert none == {"message": "Invalid JSON", "details": [{"path": "/containers", "errors": ["error.minLength"]}]}
    nowhere = user.ask("PUT", "/v2/pods/fifteen", 422, pod("/fifteen", networks=[{"mode": "container", "name": ""}]))
    assert [each["path"] for each in nowhere.json()["details"]] == ["/networks(0)/name"]
    mixed = user.ask("POST", "/v2/pods", 422, pod("/new", networks=[{"mode": "host"}, {"mode": "container"}])).json()
    assert mixed["message"] == "Object is not valid"
    assert "/networks" in [each["path"] for each in mixed["details"]]

    after = user.status("/fifteen")
    assert (after["spec"], after["instances"]) == (before["spec"], before["instances"])
    assert len(user.get("/v2/pods/fifteen::versions")) == 1
    assert [each["id"] for each in user.get("/v2/pods")] == ["/fifteen"]


@pytest.fixture
def own_user(own_scheduler: Scheduler) -> Iterator[User]:
    """A user of a scheduler that may be killed."""
    with User(own_scheduler.client.url, own_scheduler.tail) as user:
        yield user


def test_16_a_deployment_goes_on_under_a_scheduler_that_takes_over(own_user: User, own_scheduler: Scheduler) -> None:
    """Killed while the first instances start, and those of an update: each is launched once, none is lost.

    Who follows the events hears of all that was told, once: the numbers go on where they were.
    """
    user, count = own_user, 6
    tiny = [container(name, STAY, resources={"cpus": 0.01, "mem": 8}) for name in ("a", "b")]

    def fail_over(first_running: str) -> None:
        user.hears("instance_changed_event", condition="Running", runSpecVersion=first_running)
        own_scheduler.end()
        own_scheduler.start()
        user.follow()

    created = user.ask("POST", "/v2/pods", 201, pod("/sixteen", *tiny, instances=count))
    fail_over(created.json()["version"])
    user.done(created.headers["Marathon-Deployment-Id"])
    before = _each_once(user, own_scheduler, count)

    changed = pod("/sixteen", *tiny, instances=count, environment={"CHANGED": "yes"})
    updated = user.ask("PUT", "/v2/pods/sixteen", 200, changed)
    fail_over(updated.json()["version"])
    user.done(updated.headers["Marathon-Deployment-Id"])
    after = _each_once(user, own_scheduler, count)
    assert ids(after).isdisjoint(ids(before))
    assert {each["specReference"].partition("::versions/")[2] for each in after} == {updated.json()["version"]}
    assert [each.number for each in user.told] == list(range(user.told[0].number, user.told[-1].number + 1))


def _each_once(user: User, scheduler: Scheduler, count: int) -> list[Json]:
    """This many instances in their first incarnation, and nothing else of them on any agent."""
    status = user.status("/sixteen")
    assert status["status"] == "STABLE"
    assert "terminationHistory" not in status
    instances: list[Json] = status["instances"]
    assert len(instances) == count
    assert set().union(*map(launches, instances)) == {"1"}
    wanted = sorted(f"instance-sixteen.{each['id'].partition('.instance-')[2]}" for each in instances)

    def only_these() -> bool:
        return sorted(each for each in scheduler.cluster_executors() if each.startswith("instance-sixteen.")) == wanted

    scheduler.wait("one executor for each instance", only_these)
    return instances


# ------------------------------------------------------------------------- what is looked at


def only(found: list[Any]) -> Any:
    """The only element of a list."""
    (single,) = found
    return single


def ids(instances: list[Json]) -> set[str]:
    """Ids of instances."""
    return {each["id"] for each in instances}


def is_stable(instance: Json) -> bool:
    """Whether an instance is stable."""
    return bool(instance["status"] == "STABLE")


def launches(instance: Json) -> set[str]:
    """Incarnations of an instance's containers."""
    return {each.get("containerId", "").rpartition(".")[2] for each in instance["containers"]}


def relaunched(user: User, pod_id: str, before: Json) -> Json:
    """The instance, once its second incarnation is stable."""

    def find() -> Json | None:
        same = only([each for each in user.instances(pod_id) if each["id"] == before["id"]])
        return same if is_stable(same) and launches(same) == {"2"} else None

    return user.until(f"the second incarnation of {before['id']}", find)


def plan(user: User, deployment_id: str) -> list[list[tuple[str, str]]]:
    """Steps of a deployment, each a list of (action, pod)."""

    def find() -> Json | None:
        plans = (each.content.get("plan", {}) for each in user.told)
        return next((each for each in plans if each.get("id") == deployment_id), None)

    steps = user.until(f"the plan of {deployment_id}", find)["steps"]
    return [[(each["action"], each["pod"]) for each in step["actions"]] for step in steps]


def refused_by_all(user: User, pod_id: str, reason: str) -> Json:
    """The queue's entry of a pod once every agent has been rejected for this reason."""

    def find() -> Json | None:
        queue = user.get("/v2/queue", embed="podexec")["queue"]
        entry = next((each for each in queue if each["pod"]["id"] == pod_id), None)
        funnel = entry["processedOffersSummary"]["rejectSummaryLastOffers"] if entry else ()
        return entry if {"reason": reason, "declined": 3, "processed": 3} in funnel else None

    return wait_for(f"three agents were refused for {reason}", find)


def page(instance: Json, name: str, path: str = "") -> str:
    """The answer of an endpoint from outside; its container has the same name."""
    endpoints = [each for container in instance["containers"] for each in container.get("endpoints", ())]
    port = only([each["allocatedHostPort"] for each in endpoints if each["name"] == name])
    return HTTP.get(f"http://{instance['agentHostname']}:{port}/{path}").raise_for_status().text
