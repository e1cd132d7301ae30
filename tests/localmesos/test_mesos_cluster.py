"""Clusters of real Mesos on this machine: their features, their recovery, and their complete removal."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from localmesos import Cluster, ClusterError, package, remains
from localmesos.images.busybox import make_busybox_image
from localmesos.level import OWN_HIERARCHY, Choice

from . import agentapi, frameworkapi
from .conftest import ClusterFactory

STARTER = """
import os, sys, time
from localmesos import Cluster
Cluster.up(sys.argv[1], agents=1, owner_pid=os.getpid(), progress=lambda line: print(line, flush=True))
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def cluster(new_module_cluster: ClusterFactory) -> Cluster:
    """A cluster for tests that do not change it."""
    return new_module_cluster(agents=1)


def own_name() -> str:
    """A name for a cluster that no other test run uses at the same time."""
    return f"test-{secrets.token_hex(4)}"


def start_in_another_process(name: str, until: str) -> subprocess.Popen[str]:
    """Start a process that starts a cluster, and return it after it has printed a line that starts with `until`."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, name], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert starter.stdout is not None
    seen = []
    for line in starter.stdout:
        seen.append(line)
        if line.startswith(until):
            return starter
    raise AssertionError(f"the starter ended with {starter.wait()} after printing {seen}")


def kill(starter: subprocess.Popen[str]) -> None:
    """Send SIGKILL, like a crash."""
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    assert starter.stdout is not None
    starter.stdout.close()


def sandbox_text(container: str, cluster: Cluster, name: str = "stdout") -> str:
    """The output of a standalone container."""
    work_dir = cluster.agents[0].work_dir
    return (work_dir / "containers" / container / name).read_text()


def test_it_is_mesos_1_11_0_and_all_agents_are_registered(cluster: Cluster, here: Choice) -> None:
    status = cluster.status()
    assert (status.version, status.leader, status.registered) == ("1.11.0", "master-1", ("agent-1",))
    assert (status.level, status.left_out) == (here.level, here.left_out)
    assert all(member.alive and member.pid for member in status.members)
    with urllib.request.urlopen(f"http://{cluster.master}/version", timeout=5) as answer:
        assert json.load(answer)["version"] == "1.11.0"
    with urllib.request.urlopen(f"http://{cluster.master}/slaves", timeout=5) as answer:
        resources = json.load(answer)["slaves"][0]["resources"]
    assert (resources["cpus"], resources["mem"], resources["disk"]) == (4.0, 4096.0, 10240.0)
    assert "Elected as the leading master" in cluster.logs("master-1", 1000)


def test_nothing_is_left_after_down(new_cluster: ClusterFactory, here: Choice) -> None:
    cluster = new_cluster(agents=2, masters=1)
    agentapi.launch(cluster.agents[0], "sleep 1000")
    agentapi.launch(cluster.agents[1], "trap '' TERM; (setsid sleep 1000 &) ; sleep 1000")
    state = cluster.state
    made = " ".join(remains.listing(state))
    kinds = ["process", *([] if here.level == "posix" else ["mount", "cgroup"])]
    if here.namespaces:
        kinds += ["network namespace", "network link", "iptables rule", "nftables table", "/etc/hosts"]
    assert [kind for kind in kinds if kind not in made] == []
    cluster.down()
    assert remains.listing(state) == []
    assert cluster.name not in Cluster.list()
    cluster.down()  # once more is no error


def test_a_session_in_a_container_works_and_leaves_no_socket(new_cluster: ClusterFactory) -> None:
    cluster = new_cluster(agents=1)
    agent = cluster.agents[0]
    with frameworkapi.executor(cluster.master, "exec sleep 1000", {"type": "MESOS"}):
        parent = agentapi.eventually(lambda: agentapi.executor_container(agent), "the start of the executor")
        with agentapi.session(agent, parent, "echo hello; exec sleep 1000") as output:
            assert next(output) == "hello\n"
            sockets = remains.switchboard_sockets(cluster.state.folder)
            assert len(sockets) == 1
            cluster.down()
    assert not sockets[0].exists()


def test_clusters_live_beside_each_other(cluster: Cluster, new_cluster: ClusterFactory) -> None:
    other = new_cluster(agents=1)
    addresses = [member.address for one in (cluster, other) for member in one.state.members]
    assert len(set(addresses)) == len(addresses) == 4
    other.down()
    assert cluster.status().registered == ("agent-1",)


def test_what_a_killed_starter_leaves_is_taken_away_by_the_next_up(new_cluster: ClusterFactory) -> None:
    name = own_name()
    starter = start_in_another_process(name, "ready")
    state = Cluster.load(name).state
    agentapi.launch(state.of_kind("agent")[0], "sleep 1000")
    kill(starter)
    assert state.of_kind("agent")[0].alive, "members have to outlive the crash of their starter for this test"
    new_cluster(agents=0)
    assert remains.listing(state) == []
    assert name not in Cluster.list()


def test_what_a_starter_killed_half_way_leaves_is_taken_away_by_down() -> None:
    name = own_name()
    starter = start_in_another_process(name, "starting 1 master")
    kill(starter)
    state = Cluster.load(name).state
    Cluster(name).down()
    assert remains.listing(state) == []


def test_a_start_that_fails_says_why_and_leaves_nothing() -> None:
    name = own_name()
    with pytest.raises(ClusterError, match=r"(?s)agent-1 has ended.*Failed to load unknown flag 'no_such_flag'"):
        Cluster.up(name, agent_flags={"no_such_flag": "1"}, owner_pid=os.getpid())
    assert name not in Cluster.list()


def test_a_killed_agent_recovers_its_containers(new_cluster: ClusterFactory) -> None:
    cluster = new_cluster(agents=1)
    container = agentapi.launch(cluster.agents[0], "sleep 1000")
    before = agentapi.containers(cluster.agents[0])[container]["container_status"]["executor_pid"]
    killed = cluster.kill_agent("agent-1")
    assert not killed.alive
    restarted = cluster.restart_agent("agent-1")
    assert restarted.pid != killed.pid
    cluster.wait_registered("agent-1")
    after = agentapi.containers(restarted)[container]["container_status"]["executor_pid"]
    assert after == before


def test_a_master_comes_back_with_its_agents(new_cluster: ClusterFactory) -> None:
    # An agent notices that its master is another one when pings are missing for the product of the two.
    cluster = new_cluster(agents=1, master_flags={"agent_ping_timeout": "1secs", "max_agent_ping_timeouts": "2"})
    assert not cluster.kill_master("master-1").alive
    assert cluster.leader() is None
    cluster.restart_master("master-1")
    assert cluster.wait_leader().id == "master-1"
    cluster.wait_registered("agent-1")


def test_an_agent_is_added_with_its_own_resources_and_attributes(new_cluster: ClusterFactory) -> None:
    cluster = new_cluster(agents=0, agent_attributes=["rack:a"])
    added = cluster.add_agent(resources="cpus:2;mem:512;disk:100", attributes="rack:b")
    assert (added.id, added.alive) == ("agent-1", True)
    with urllib.request.urlopen(f"http://{cluster.master}/slaves", timeout=5) as answer:
        agent = json.load(answer)["slaves"][0]
    assert (agent["resources"]["cpus"], agent["attributes"]) == (2.0, {"rack": "b"})


def test_three_masters_elect_another_when_the_leader_is_killed(new_cluster: ClusterFactory) -> None:
    cluster = new_cluster(agents=1, masters=3)
    assert cluster.master.startswith("zk://")
    first = cluster.wait_leader()
    cluster.kill_master(first.id)
    second = cluster.wait_leader()
    assert second.id != first.id
    cluster.wait_registered("agent-1")
    cluster.restart_master(first.id)
    assert cluster.status().leader == second.id


def test_a_container_has_its_image_its_network_and_a_port_of_the_agent(cluster: Cluster, here: Choice) -> None:
    if not (here.images and here.cni_folder):
        assert "docker images" in here.left_out or "container networks" in here.left_out
        return
    make_busybox_image(cluster.images_dir, "web:1", env={"GREETING": "hello"})
    info: dict[str, Any] = {
        "type": "MESOS",
        "mesos": {"image": {"type": "DOCKER", "docker": {"name": "web:1"}}},
        "network_infos": [{"name": "dcos", "port_mappings": [{"host_port": 31001, "container_port": 8080}]}],
    }
    command = "echo $GREETING > /tmp/index.html; exec httpd -f -p 8080 -h /tmp"

    def page() -> str:
        try:
            with urllib.request.urlopen(f"http://{cluster.agents[0].host}:31001/index.html", timeout=2) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    with frameworkapi.executor(cluster.master, command, info):
        assert agentapi.eventually(page, "an answer on the host port") == "hello\n"


def test_the_memory_limit_and_the_capabilities_of_a_container_are_enforced(cluster: Cluster, here: Choice) -> None:
    if here.level != "linux":
        assert "limits" in here.left_out
        return
    hungry = agentapi.launch(cluster.agents[0], "exec tail /dev/zero")
    ended = agentapi.wait_for_end(cluster.agents[0], hungry)
    assert ended["reason"] == "REASON_CONTAINER_LIMITATION_MEMORY"
    few = {"type": "MESOS", "linux_info": {"effective_capabilities": {"capabilities": ["CHOWN"]}}}
    plain = agentapi.launch(cluster.agents[0], "grep CapEff /proc/self/status", container=few)
    assert agentapi.wait_for_end(cluster.agents[0], plain)["exit_status"] == 0
    assert sandbox_text(plain, cluster).split()[-1] == "0000000000000001"


@pytest.mark.parametrize(("limits", "quota"), [({}, -1), ({"cpus": {"value": 0.5}}, 50_000)])
def test_a_container_has_a_quota_of_cpu_time_only_if_it_sets_a_limit(
    limits: dict[str, Any], quota: int, cluster: Cluster, here: Choice
) -> None:
    if here.level != "linux":
        assert "limits" in here.left_out
        return
    told = agentapi.launch(cluster.agents[0], "cat /proc/self/cgroup; exec sleep 100", limits=limits)
    groups = agentapi.eventually(lambda: sandbox_text(told, cluster), "its output")
    (group,) = re.findall(r"^\d+:(?:[\w,]*,)?cpu(?:,[\w,]*)?:(.*)$", groups, re.MULTILINE)
    assert int(Path(f"/sys/fs/cgroup/cpu{group}/cpu.cfs_quota_us").read_text()) == quota


def test_agents_start_the_given_default_executor(new_cluster: ClusterFactory, tmp_path: Path) -> None:
    """The agent starts it like Mesos' own: with its name, argument and environment. Agents added later do so too."""
    program = tmp_path / "program"
    program.write_text('#!/bin/sh\necho "$0 $* $MESOS_EXECUTOR_ID" > told; exec sleep 1000\n')
    cluster = new_cluster(agents=0, default_executor=program)
    program.unlink()
    agent = cluster.add_agent()
    with frameworkapi.executor(cluster.master, None, {"type": "MESOS"}):
        pattern = "slaves/*/frameworks/*/executors/test/runs/latest/told"
        told = agentapi.eventually(
            lambda: next((text for file in agent.work_dir.glob(pattern) if (text := file.read_text())), None),
            "the start of the default executor",
        )
    folder = cluster.default_executor.parent
    assert told == f"{folder}/mesos-default-executor --launcher_dir={folder} test\n"


def test_a_cluster_without_a_default_executor_says_so(cluster: Cluster) -> None:
    with pytest.raises(ClusterError, match="started without a default executor"):
        _ = cluster.default_executor


def test_a_name_that_is_taken_or_none_is_refused(cluster: Cluster) -> None:
    with pytest.raises(ClusterError, match="is already up"):
        Cluster.up(cluster.name)
    with pytest.raises(ClusterError, match="not a valid cluster name"):
        Cluster.up("../escape")
    with pytest.raises(ClusterError, match=r"there is no cluster 'absent'"):
        Cluster.load("absent")
    with pytest.raises(ClusterError, match="has no member 'agent-9'; its members are agent-1, master-1"):
        cluster.kill_agent("agent-9")
    with pytest.raises(ClusterError, match="master-1 is not an agent"):
        cluster.kill_agent("master-1")


@pytest.mark.parametrize(
    "wrong",
    [{"masters": 0}, {"agents": -1}, {"agents": 201}, {"level": "full"}, {"default_executor": Path("no-such-file")}],
)
def test_a_cluster_that_can_not_be_is_refused(wrong: dict[str, Any]) -> None:
    name = own_name()
    with pytest.raises(ClusterError):
        Cluster.up(name, **wrong)
    assert name not in Cluster.list()


AS_USER = """
import json, os
from localmesos import Cluster, remains
cluster = Cluster.up("user", agents=2, owner_pid=os.getpid())
from tests.localmesos import agentapi
container = agentapi.launch(cluster.agents[1], "id -u; exec sleep 1000")
status, state = cluster.status(), cluster.state
listed = len(remains.listing(state))
file = cluster.agents[1].work_dir / "containers" / container / "stdout"
uid = agentapi.eventually(lambda: file.exists() and file.read_text(), "the output of the container")
ports = {word for member in status.members for word in member.command if "ports:" in word}
mode = oct(state.folder.stat().st_mode & 0o777)
cluster.down()
left = remains.listing(state)
print(json.dumps([os.getuid(), uid, status.level, status.left_out, status.registered, listed, left, len(ports), mode]))
"""


def test_a_user_who_is_not_root_gets_plain_processes(tmp_path: Path) -> None:
    shutil.copytree(
        package.ensure(), tmp_path / "cache" / "podexec" / "mesos-1.11.0" / package.ensure().name, symlinks=True
    )
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]),
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }
    command = [sys.executable, "-c", AS_USER]
    uid = os.getuid()
    if uid == 0:
        uid = 65534
        (tmp_path / "state").mkdir()
        os.chown(tmp_path / "state", uid, uid)
        # The interpreter and pytest's folders may be closed to others: this one right to read does not make it root.
        drop = ["--reuid=65534", "--regid=65534", "--clear-groups"]
        command = ["setpriv", *drop, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", *command]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    seen_uid, container_uid, level, left_out, registered, listed, left, port_ranges, mode = json.loads(done.stdout)
    assert (seen_uid, container_uid.strip()) == (uid, str(uid))
    assert level == "posix"
    assert left_out.endswith("(not root with CAP_SYS_ADMIN and CAP_NET_ADMIN)")
    assert registered == ["agent-1", "agent-2"]
    assert listed >= 4
    assert left == []
    assert port_ranges == 2
    assert mode == "0o700", "its containers' environments are not for other users"


AS_V2_HOST = """
import json, os, sys
from localmesos import Cluster, remains
from localmesos.level import OWN_HIERARCHY
cluster = Cluster.up(sys.argv[1], owner_pid=os.getpid())
from tests.localmesos import agentapi
agent = cluster.agents[0]
container = agentapi.launch(agent, "cat /proc/self/cgroup")
status = agentapi.wait_for_end(agent, container)["exit_status"]
groups = (agent.work_dir / "containers" / container / "stdout").read_text()
level, left_out, state = cluster.level, cluster.left_out, cluster.state
cluster.down()
freezer = OWN_HIERARCHY / "freezer"
kept = freezer.is_mount() and not any(freezer.glob("podexec-*"))
print(json.dumps([level, left_out, status, groups, remains.listing(state), kept]))
"""


def test_a_context_takes_its_cluster_down_whatever_happens_in_it() -> None:
    seen = []

    def work() -> None:
        with Cluster.up(own_name(), agents=0, owner_pid=os.getpid()) as cluster:
            seen.append(cluster.state)
            raise LookupError(cluster.wait_leader().id)

    with pytest.raises(LookupError, match="master-1"):
        work()
    assert remains.listing(seen[0]) == []
    assert seen[0].name not in Cluster.list()


def test_a_companion_goes_with_the_cluster_and_others_stay(new_cluster: ClusterFactory) -> None:
    cluster = new_cluster(agents=0)
    program = ["sleep", "600"]
    marked = {**os.environ, **cluster.companion()}
    with (
        subprocess.Popen(program, env=marked, start_new_session=True) as companion,
        subprocess.Popen(program, cwd=cluster.state.folder) as visitor,
    ):
        try:
            cluster.down()
            assert companion.wait(10) == -signal.SIGKILL
            assert visitor.poll() is None
        finally:
            companion.kill()
            visitor.kill()


WITHOUT_V1 = """
mount --make-rprivate /
awk '$3 == "cgroup" { print $2 }' /proc/mounts | while read target; do umount "$target" || exit 1; done
exec "$@"
"""


def test_a_machine_with_cgroup_v2_only_gets_the_linux_launcher_without_limits(here: Choice) -> None:
    if here.level != "linux":
        assert here.left_out
        return
    paths = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    program = [sys.executable, "-c", AS_V2_HOST, own_name()]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", WITHOUT_V1, "sh", *program],  # a mount namespace in which v1 is not mounted
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    level, left_out, status, groups, left, freezer_kept = json.loads(done.stdout)
    assert level == "linux-v2"
    assert left_out.startswith("cpu and memory limits (cgroup v1 is not mounted")
    assert status == 0
    assert re.search(r":freezer:/podexec-\w+-agent-1/", groups)
    assert not re.search(r":memory:/podexec-", groups)
    assert left == []
    assert not freezer_kept, "the freezer stays mounted though no cluster is in it"


# Mounts something at a folder in a mount namespace of its own; after each line of input, the number of its mounts.
ELSEWHERE = """
mount --make-rprivate /
mount -t tmpfs podexec "$1" || exit 1
echo mounted
while read -r line; do grep -c "$1" /proc/self/mounts; done
"""


def test_a_freezer_that_is_mounted_in_another_namespace_stays(here: Choice) -> None:
    """Such as that of a cluster in a container, which shares the machine's folders but not its mounts."""
    if here.level != "linux":
        assert here.left_out
        return
    freezer = OWN_HIERARCHY / "freezer"
    freezer.mkdir(parents=True, exist_ok=True)
    words = ["unshare", "--mount", "sh", "-c", ELSEWHERE, "sh", str(freezer)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as elsewhere:
        assert elsewhere.stdin is not None
        assert elsewhere.stdout is not None
        assert elsewhere.stdout.readline() == "mounted\n"
        remains.unmount_own_hierarchy()
        assert elsewhere.communicate("look\n", 10)[0] == "1\n"
