"""Effects of the fields of a definition in containers on a real Mesos."""

import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

from localmesos.images.busybox import make_busybox_image
from tests.cluster.support import Json, Scheduler, container

BUSYBOX = {"kind": "DOCKER", "id": "busybox:1.35"}
STAY = "exec sleep 1000"
ENOUGH = {"cpus": 0.1, "mem": 32}


def use_memory(mebibytes: int) -> str:
    """A command that allocates this much memory, says so, and keeps running."""
    return (
        'exec python3 -c \'import time; held = bytearray(b"x") * '
        f'({mebibytes} << 20); print("held", flush=True); time.sleep(1000)\''
    )


def mesos_task(scheduler: Scheduler, status: Json, name: str) -> Json:
    """The master's task of a container of the pod's only instance."""
    [instance] = status["instances"]
    [task_id] = [each["containerId"] for each in instance["containers"] if each["name"] == name]
    leader = scheduler.cluster.leader()
    assert leader is not None
    tasks = httpx2.get(f"http://{leader.address}/tasks?limit=1000", timeout=5).json()["tasks"]
    [task] = [each for each in tasks if each["id"] == task_id]
    found: Json = task
    return found


def test_a_terminal_where_it_is_asked_for(scheduler: Scheduler) -> None:
    """Stdin and stdout of the container with ``tty`` are a terminal, those of its sibling are not."""
    shell = f"if test -t 0 && test -t 1; then echo terminal; else echo none; fi; {STAY}"
    status = scheduler.run(
        {"id": "/tty", "containers": [container("one", shell, tty=True), container("other", shell, tty=False)]}
    )
    scheduler.output(status, "one", "terminal")
    scheduler.output(status, "other", "none")


def test_a_container_may_use_more_memory_than_it_asked_for_up_to_its_limit(scheduler: Scheduler) -> None:
    """Usage above the request is allowed below the limit; ``unlimited`` is a limit too."""
    limited = container("limited", use_memory(80), resources=ENOUGH, resourceLimits={"mem": 160})
    free = container("free", use_memory(80), resources=ENOUGH, resourceLimits={"mem": "unlimited", "cpus": "unlimited"})
    status = scheduler.run({"id": "/burst", "containers": [limited, free]})
    scheduler.output(status, "limited", "held")
    scheduler.output(status, "free", "held")
    assert mesos_task(scheduler, status, "limited")["limits"]["mem"] == 160


def test_beyond_its_limit_a_container_is_killed_and_the_status_says_why(scheduler: Scheduler) -> None:
    """The message is the containerizer's."""
    greedy = container("greedy", use_memory(200), resources=ENOUGH, resourceLimits={"mem": "48mb"})
    scheduler.client.add({"id": "/greedy", "containers": [greedy]})
    history = scheduler.wait("a termination", lambda: scheduler.client.status("/greedy").get("terminationHistory"))
    assert history[0]["containers"][0]["lastKnownState"] == "TASK_FAILED"
    assert re.search("memory limit", history[0]["message"], re.IGNORECASE)


def test_a_cpu_limit_is_the_cgroups_quota(scheduler: Scheduler) -> None:
    """Half a CPU: 50 of 100 ms."""
    status = scheduler.run(
        {
            "id": "/throttled",
            "containers": [
                container("only", f"cat /proc/self/cgroup; echo told; {STAY}", resourceLimits={"cpus": 0.5})
            ],
        }
    )
    output = scheduler.output(status, "only", "told")
    match = re.search(r"^\d+:([\w,]*\bcpu\b[\w,]*):(.*)$", output, re.MULTILINE)
    assert match, output
    group = Path("/sys/fs/cgroup/cpu" + match[2])
    quota, period = (int((group / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
    assert quota / period == 0.5


def test_shared_memory_of_ones_own_or_the_pods(scheduler: Scheduler) -> None:
    """``PRIVATE`` makes a /dev/shm of the requested size, ``SHARE_PARENT`` shares the pod's."""

    def look(write: str = "true") -> str:
        return (
            f"{write}; df -k /dev/shm | tail -n 1; until test -e /dev/shm/sign; do sleep 0.1; done; echo seen; {STAY}"
        )

    def ipc(mode: str, **more: Any) -> Json:
        return {"ipcInfo": {"mode": mode, **more}}

    status = scheduler.run(
        {
            "id": "/ipc",
            "linuxInfo": ipc("PRIVATE", shmSize=24),
            "containers": [
                container("own", look("touch /dev/shm/sign"), linuxInfo=ipc("private", shmSize=16)),
                container("writer", look("touch /dev/shm/sign"), linuxInfo=ipc("SHARE_PARENT")),
                container("reader", look(), linuxInfo=ipc("SHARE_PARENT")),
            ],
        }
    )
    assert " 16384 " in scheduler.output(status, "own", "seen")
    assert " 24576 " in scheduler.output(status, "writer", "seen")
    assert " 24576 " in scheduler.output(status, "reader", "seen")


def test_the_user_of_the_pod_and_of_a_container(scheduler: Scheduler) -> None:
    """The container's user takes precedence; each can write to its sandbox."""
    shell = f"touch file && id -un; {STAY}"
    status = scheduler.run(
        {
            "id": "/users",
            "user": "nobody",
            "containers": [container("pods", shell), container("own", shell, user="root")],
        }
    )
    scheduler.output(status, "pods", "nobody\n")
    scheduler.output(status, "own", "root\n")


def test_a_check_is_reported_and_kills_nothing(scheduler: Scheduler) -> None:
    """One check passes, one fails: both are reported to Mesos, both containers keep running, and one is not ready."""

    def checked(name: str, shell: str) -> Json:
        check = {"exec": {"command": {"shell": shell}}, "delaySeconds": 0, "intervalSeconds": 1, "timeoutSeconds": 1}
        return container(name, f"touch there; {STAY}", check=check)

    scheduler.client.add({"id": "/checked", "containers": [checked("good", "test -e there"), checked("bad", "exit 3")]})

    expected = {"good": (["true"], 0), "bad": (["false"], 3)}

    def told() -> Json | None:
        status = scheduler.client.status("/checked")
        found = {
            each["name"]: ([said["value"] for said in each.get("conditions", ())], _exit_code_of_check(scheduler, each))
            for instance in status.get("instances", ())
            for each in instance["containers"]
        }
        return status if found == expected else None

    status = scheduler.wait("what the checks found is told", told)
    assert [each["status"] for each in status["instances"]] == ["DEGRADED"]
    assert "terminationHistory" not in status


def test_ports_in_the_environment_as_apps_have_them(scheduler: Scheduler) -> None:
    """On the host's network, the ports that Mesos assigned; on other networks, the container's own."""
    shell = f'echo "$PORT0 $PORT1 $PORTS $PORT_WEB $PORT_ADMIN_UI"; echo told; {STAY}'
    endpoints = [{"name": "web", "hostPort": 0}, {"name": "admin-ui", "hostPort": 0}]
    hosted = {"id": "/ports/host", "portEnvironment": True, "networks": [{"mode": "host"}]}
    status = scheduler.run(hosted | {"containers": [container("only", shell, endpoints=endpoints)]})
    shown = {each["name"]: each["allocatedHostPort"] for each in status["instances"][0]["containers"][0]["endpoints"]}
    web, admin = shown["web"], shown["admin-ui"]
    assert scheduler.output(status, "only", "told").splitlines()[0] == f"{web} {admin} {web},{admin} {web} {admin}"
    inner = [{"name": "web", "containerPort": 80}, {"name": "admin-ui", "containerPort": 81, "hostPort": 0}]
    networked = {"id": "/ports/net", "labels": {"portEnvironment": "true"}, "networks": [{"mode": "container"}]}
    status = scheduler.run(networked | {"containers": [container("only", shell, endpoints=inner)]})
    assert scheduler.output(status, "only", "told").splitlines()[0] == "80 81 80,81 80 81"


def test_sizes_in_words_are_what_mesos_is_asked_for(scheduler: Scheduler) -> None:
    """Labels of containers and of the executor."""
    sizes = {"cpus": 0.1, "mem": "48mb", "disk": "10mb"}
    status = scheduler.run(
        {
            "id": "/sizes",
            "executorResources": {"cpus": 0.1, "mem": "40MB", "disk": "0.0625g"},
            "containers": [container("only", STAY, resources=sizes)],
        }
    )
    asked = mesos_task(scheduler, status, "only")["resources"]
    assert (asked["mem"], asked["disk"]) == (48, 10)
    assert status["instances"][0]["resources"] == {"cpus": 0.2, "mem": 88, "disk": 74, "gpus": 0}


def test_a_pod_on_two_container_networks_has_an_address_on_each(scheduler: Scheduler) -> None:
    """``networkNames`` selects the network that a host port is mapped to."""
    names = scheduler.cluster.networks[:2]
    server = "hostname -i; mkdir www; echo page > www/index.html; exec busybox httpd -f -p 8080 -h www"
    endpoint = {"name": "web", "containerPort": 8080, "hostPort": 0, "protocol": ["tcp"], "networkNames": [names[0]]}
    status = scheduler.run(
        {
            "id": "/two-networks",
            "networks": [{"mode": "container", "name": name} for name in names],
            "containers": [container("server", server, image=BUSYBOX, endpoints=[endpoint])],
        }
    )
    [instance] = status["instances"]
    assert sorted(network["name"] for network in instance["networks"]) == sorted(names)
    assert len({address for network in instance["networks"] for address in network["addresses"]}) == 2
    _page(scheduler, instance, "page\n")


def test_the_bridge_of_the_agent_with_a_mapped_port(scheduler: Scheduler) -> None:
    """``container/bridge`` needs no name."""
    server = "mkdir www; echo bridged > www/index.html; exec busybox httpd -f -p 8080 -h www"
    endpoint = {"name": "web", "containerPort": 8080, "hostPort": 0, "protocol": ["tcp"]}
    status = scheduler.run(
        {
            "id": "/bridged",
            "networks": [{"mode": "container/bridge"}],
            "containers": [container("server", server, image=BUSYBOX, endpoints=[endpoint])],
        }
    )
    _page(scheduler, status["instances"][0], "bridged\n")


def test_an_image_is_pulled_again_where_that_is_asked_for(scheduler: Scheduler) -> None:
    """The agents' folder has a newer image of the same name: only ``forcePull`` uses it."""

    def shown(pod_id: str, *, force: bool) -> str:
        image = {"kind": "DOCKER", "id": "changing:1", "forcePull": force}
        # On one agent, as the other has nothing cached.
        placement = {"constraints": [{"fieldName": "hostname", "operator": "IS", "value": hostname}]}
        only = container("only", f"cat /etc/content; echo told; {STAY}", image=image)
        status = scheduler.run({"id": pod_id, "containers": [only], "scheduling": {"placement": placement}})
        return scheduler.output(status, "only", "told").splitlines()[0]

    hostname = _hostname(scheduler)
    images = scheduler.cluster.images_dir
    make_busybox_image(images, "changing:1", files={"etc/content": "old\n"})
    assert shown("/pull/first", force=False) == "old"
    make_busybox_image(images, "changing:1", files={"etc/content": "new\n"})
    assert shown("/pull/cached", force=False) == "old"
    assert shown("/pull/forced", force=True) == "new"


def test_an_image_says_itself_what_to_run(scheduler: Scheduler) -> None:
    """Without ``exec``, the image's entrypoint and command; argv is its arguments, or replaces it."""
    make_busybox_image(
        scheduler.cluster.images_dir,
        "speaking:1",
        entrypoint=("sh", "-c", 'echo "$GREETING $0"; exec sleep 1000'),
        cmd=("by default",),
        env={"GREETING": "hello"},
    )
    image = {"kind": "DOCKER", "id": "speaking:1"}
    argv = {"command": {"argv": ["by argument"]}}
    other = {"command": {"argv": ["sh", "-c", "echo replaced; exec sleep 1000"]}, "overrideEntrypoint": True}
    containers = [
        {"name": "default", "resources": ENOUGH, "image": image},
        {"name": "argument", "resources": ENOUGH, "image": image, "exec": argv},
        {"name": "replaced", "resources": ENOUGH, "image": image, "exec": other},
    ]
    status = scheduler.run({"id": "/speaking", "containers": containers})
    scheduler.output(status, "default", "hello by default")
    scheduler.output(status, "argument", "hello by argument")
    scheduler.output(status, "replaced", "replaced")


def test_artifacts_are_fetched_over_http(scheduler: Scheduler) -> None:
    """Fetched from a web server that is a pod itself; an archive is unpacked."""
    pack = "mkdir www; echo inside > file; tar czf www/archive.tar.gz file"
    server = container(
        "server",
        f"{pack}; exec python3 -m http.server -d www $ENDPOINT_WEB",
        endpoints=[{"name": "web", "hostPort": 0}],
    )
    timing = {"delaySeconds": 0, "intervalSeconds": 2, "timeoutSeconds": 1, "gracePeriodSeconds": 60}
    server["healthCheck"] = {"http": {"endpoint": "web"}, **timing}
    status = scheduler.run({"id": "/artifacts/server", "networks": [{"mode": "host"}], "containers": [server]})
    [instance] = status["instances"]
    port = instance["containers"][0]["endpoints"][0]["allocatedHostPort"]
    artifact = {"uri": f"http://{instance['agentHostname']}:{port}/archive.tar.gz"}
    reader = container("reader", f"cat file; {STAY}", artifacts=[artifact])
    scheduler.output(scheduler.run({"id": "/artifacts/reader", "containers": [reader]}), "reader", "inside")


def test_labels_reach_mesos(scheduler: Scheduler) -> None:
    """Labels of the container are on its task, those of an endpoint are with its port."""
    endpoint = {"name": "web", "hostPort": 0, "protocol": ["tcp"], "labels": {"VIP_0": "/web:80"}}
    only = container("only", STAY, labels={"of": "the container"}, endpoints=[endpoint])
    status = scheduler.run(
        {"id": "/labelled", "labels": {"of": "the pod"}, "networks": [{"mode": "host"}], "containers": [only]}
    )
    task = mesos_task(scheduler, status, "only")
    assert {"key": "of", "value": "the container"} in task["labels"]
    [port] = task["discovery"]["ports"]["ports"]
    assert {"key": "VIP_0", "value": "/web:80"} in port["labels"]["labels"]


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("/containers(0)/resourceLimits/mem", {"resourceLimits": {"mem": 16}}),
        ("/containers(0)/linuxInfo/ipcInfo", {"linuxInfo": {"ipcInfo": {"mode": "SHARE_PARENT", "shmSize": 8}}}),
        ("/containers(0)/linuxInfo/seccomp", {"linuxInfo": {"seccomp": {"profileName": "some.json"}}}),
        ("/containers(0)/resources/gpus", {"resources": ENOUGH | {"gpus": 1}}),
    ],
)
def test_what_mesos_would_reject_or_ignore_is_refused_at_its_path(
    scheduler: Scheduler, path: str, changes: Json
) -> None:
    """It is refused with a message before any launch."""
    definition = {"id": "/refused", "containers": [container("only", STAY) | changes]}
    answer = httpx2.post(f"{scheduler.client.url}/v2/pods", json=definition, timeout=10)
    assert answer.status_code == 422, answer.text
    assert path in [detail["path"] for detail in answer.json()["details"]], answer.text
    assert scheduler.pods() == []


def _page(scheduler: Scheduler, instance: Json, expected: str) -> None:
    """The answer of the only endpoint's host port from outside."""
    port = instance["containers"][0]["endpoints"][0]["allocatedHostPort"]
    url = f"http://{instance['agentHostname']}:{port}/"

    def probe() -> bool:
        try:
            return httpx2.get(url, timeout=5).text == expected
        except httpx2.TransportError:
            return False

    scheduler.wait(f"{expected!r} at {url}", probe)


def _exit_code_of_check(scheduler: Scheduler, of: Json) -> int | None:
    """The check status of a container in Mesos."""
    check: Json = _latest_status(scheduler, of["containerId"]).get("check_status", {})
    code: int | None = check.get("command", {}).get("exit_code")
    return code


def _latest_status(scheduler: Scheduler, task_id: str) -> Json:
    """The complete last status of a task in the master, or None; the master's /tasks omits the check."""
    leader = scheduler.cluster.leader()
    assert leader is not None
    answer = httpx2.post(f"http://{leader.address}/api/v1", json={"type": "GET_TASKS"}, timeout=5).json()
    [task] = [each for each in answer["get_tasks"]["tasks"] if each["task_id"]["value"] == task_id]
    latest: Json = task.get("statuses", [{}])[-1]
    return latest


def _hostname(scheduler: Scheduler) -> str:
    """Host name of one agent."""
    leader = scheduler.cluster.leader()
    assert leader is not None
    agents = httpx2.get(f"http://{leader.address}/slaves", timeout=5).json()["slaves"]
    hostname: str = agents[0]["hostname"]
    return hostname
