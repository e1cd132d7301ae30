"""Who can connect to a cluster of root: other users of the machine, its neighbours, and other clusters.

Each of these did get in, and whoever can call an agent is root.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from localmesos.level import Choice

from . import agentapi, frameworkapi
from .conftest import ClusterFactory
from .machine import LAN, VPN, Machine

NOBODY, DAEMON = 65534, 1
NO = "no connection"
HOST_PORT = "31007"
API_PORT = 8086


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, here: Choice) -> Iterator[Machine]:
    """A machine with the clusters "first" (two agents) and "second" with a scheduler, which daemon may use."""
    assert here.namespaces, f"these tests need root, iproute2, nftables and nsenter: {here.left_out}"
    folder = tmp_path_factory.mktemp("machine")
    with Machine(folder) as made:
        made.up("first", agents=2)
        made.up("second", agents=1, allowed_users=["daemon"], own_ports=[API_PORT])
        yield made
        made.down("first")
        made.down("second")


@pytest.fixture(scope="module")
def first(machine: Machine) -> dict[str, str]:
    """Addresses of the first cluster's members."""
    return machine.addresses("first")


def launch(command: str) -> str:
    """The body of a request that runs a command as root on an agent, without a framework."""
    container = {
        "container_id": {"value": f"intruder-{uuid.uuid4()}"},
        "command": {"shell": True, "value": command},
        "resources": [
            {"name": name, "type": "SCALAR", "scalar": {"value": value}} for name, value in (("cpus", 0.1), ("mem", 64))
        ],
    }
    return json.dumps({"type": "LAUNCH_CONTAINER", "launch_container": container})


def run_in_container(machine: Machine, agent: str, command: str) -> None:
    """Run a command in a container of an agent."""
    assert machine.request(agent, "POST", "/api/v1", launch(command)).startswith("200")


def gateway(address: str) -> str:
    """This machine's address in the network of a member."""
    return address.rpartition(".")[0] + ".1"


def test_another_user_runs_nothing_as_root(machine: Machine, first: dict[str, str], tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    for agent in ("agent-1", "agent-2"):
        answer = machine.request(first[agent], "POST", "/api/v1", launch(f"touch {trace}"), user=NOBODY)
        assert answer.startswith(NO), answer
    run_in_container(machine, first["agent-1"], f"touch {trace}")
    agentapi.eventually(trace.exists, "the file that root's request makes")


@pytest.fixture
def open_state_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A folder for clusters that every user may enter, as root's own."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setenv("PODEXEC_STATE_DIR", folder)
        yield folder


def test_another_user_finds_no_secret_of_a_container_in_the_files_of_a_cluster(
    open_state_folder: str, new_cluster: ClusterFactory
) -> None:
    """Agents checkpoint what they are to run."""
    secret = f"secret-{uuid.uuid4()}"
    cluster = new_cluster(agents=1)
    with frameworkapi.executor(cluster.master, f"KEY={secret} exec sleep 1000", {"type": "MESOS"}):
        agentapi.eventually(lambda: agentapi.executor_container(cluster.agents[0]), "the start of the executor")
        assert files_with(secret, open_state_folder), "root must find it for this test"
        assert files_with(secret, open_state_folder, "setpriv", "--reuid=65534", "--clear-groups") == []


def files_with(text: str, folder: str, *prefix: str) -> list[str]:
    """The files in a folder in which a user finds a text."""
    words = [*prefix, "grep", "--recursive", "--files-with-matches", "--no-messages", text, folder]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.splitlines()


@pytest.mark.parametrize(
    "request_",
    [
        ("POST", "/teardown", "frameworkId=x"),
        ("GET", "/state"),
        ("POST", "/master/mesos.internal.KillTaskMessage", "x"),
    ],
)
def test_another_user_calls_no_master(machine: Machine, first: dict[str, str], request_: tuple[str, ...]) -> None:
    answer = machine.request(first["master-1"], *request_, user=NOBODY)
    assert answer.startswith(NO), answer


def test_a_user_who_is_allowed_connects_and_no_other(machine: Machine) -> None:
    addresses = machine.addresses("second").values()
    seen = {(user, address): machine.request(address, user=user) for user in (DAEMON, NOBODY) for address in addresses}
    assert all((answer == "connected") is (user == DAEMON) for (user, _), answer in seen.items()), seen


def test_only_allowed_users_reach_the_scheduler_of_a_cluster(machine: Machine) -> None:
    """On the loopback address, where `podexec up` has it."""
    api, other = machine.serve(f"127.0.0.1:{API_PORT}"), machine.serve("127.0.0.1:8087")
    assert [machine.request(api, user=user) for user in (0, DAEMON)] == ["connected", "connected"]
    answer = machine.request(api, user=NOBODY)
    assert answer.startswith(NO), answer
    assert machine.request(other, user=NOBODY) == "connected"


def test_users_reach_what_pods_publish(machine: Machine, first: dict[str, str]) -> None:
    agent = first["agent-2"]
    run_in_container(machine, agent, f"exec {shlex.quote(sys.executable)} -I -m http.server {HOST_PORT}")
    address = agent.replace("5051", HOST_PORT)
    agentapi.eventually(lambda: machine.request(address, user=NOBODY) == "connected", f"the server at {address}")
    answer = machine.request(address, network="lan")
    assert answer.startswith(NO), answer


def test_a_neighbour_reaches_no_member(machine: Machine, first: dict[str, str]) -> None:
    for network in ("lan", "vpn"):
        seen = {name: machine.request(address, network=network) for name, address in first.items()}
        assert all(answer.startswith(NO) for answer in seen.values()), seen


def test_a_neighbour_does_not_reach_the_machine_at_its_address_for_the_cluster(
    machine: Machine, first: dict[str, str], tmp_path: Path
) -> None:
    """There a scheduler may serve its agents; Linux answers on each of its addresses from each of its networks."""
    inside = machine.serve(f"{gateway(first['agent-1'])}:8081")
    outside = machine.serve(f"{LAN}.1:8082")
    assert machine.request(inside, network="lan").startswith(NO)
    assert machine.request(outside, network="lan") == "connected", "what else the machine serves is not concerned"
    assert machine.request(inside, user=NOBODY) == "connected"
    trace = tmp_path / "trace"
    run_in_container(machine, first["agent-1"], ask(inside, trace))
    assert answer_in(trace) == "connected"


def test_the_machine_does_not_become_a_router(machine: Machine) -> None:
    server = machine.serve(f"{VPN}.2:8083", network="vpn")
    assert machine.request(server) == "connected"
    assert machine.request(server, network="lan").startswith(NO)


@pytest.mark.parametrize(("policy", "port"), [("DROP", 8084), ("ACCEPT", 8085)])  # Docker sets DROP
def test_containers_reach_other_networks_and_other_members(
    machine: Machine, first: dict[str, str], tmp_path: Path, policy: str, port: int
) -> None:
    machine.run("iptables", "-w", "-P", "FORWARD", policy)
    server = machine.serve(f"{LAN}.2:{port}", network="lan")
    for number, address in enumerate((server, first["agent-2"], first["master-1"])):
        trace = tmp_path / f"trace-{number}"
        run_in_container(machine, first["agent-1"], ask(address, trace))
        assert answer_in(trace) == "connected", address


def test_containers_of_another_cluster_reach_no_member(machine: Machine, first: dict[str, str], tmp_path: Path) -> None:
    for number, address in enumerate(first.values()):
        trace = tmp_path / f"trace-{number}"
        run_in_container(machine, machine.addresses("second")["agent-1"], ask(address, trace))
        assert answer_in(trace).startswith(NO), address


def ask(address: str, trace: Path) -> str:
    """A command that connects to an address and writes down what came of it."""
    host, _, port = address.rpartition(":")
    words = (sys.executable, "-I", str(Path(__file__).with_name("intruder.py")), host, port)
    new, whole = shlex.quote(f"{trace}.new"), shlex.quote(str(trace))
    return f"{shlex.join(words)} >{new} && mv {new} {whole}"


def answer_in(trace: Path) -> str:
    """What `ask` wrote down."""
    agentapi.eventually(trace.exists, f"the answer in {trace}")
    return trace.read_text().strip()


@pytest.mark.parametrize("was_on", ["0", "1"])
def test_the_last_cluster_leaves_the_machine_as_the_first_found_it(tmp_path: Path, was_on: str, here: Choice) -> None:
    """Also if the process that the first belongs to is killed."""
    assert here.namespaces, here.left_out
    with Machine(tmp_path) as machine:
        machine.run("sh", "-c", f"echo {was_on} >/proc/sys/net/ipv4/ip_forward")
        before = machine.settings()
        owner = machine.up("first", agents=0, owned=True)
        machine.up("last", agents=0)
        machine.run("kill", "-KILL", owner)
        machine.down("none")  # removes the remains of clusters whose owner has ended
        assert not (machine.clusters / "first").exists()
        assert machine.settings()["ipv4/ip_forward"] == "1\n", "the other cluster needs it"
        assert machine.request(machine.addresses("last")["master-1"], user=NOBODY).startswith(NO)
        machine.down("last")
        assert machine.settings() == before


def test_forwarding_stays_on_for_a_program_that_began_to_need_it(tmp_path: Path, here: Choice) -> None:
    assert here.namespaces, here.left_out
    with Machine(tmp_path) as machine:
        machine.run("ip", "link", "add", "virbr0", "type", "bridge")
        machine.up("only", agents=0)
        machine.run("ip", "link", "add", "docker0", "type", "bridge")
        machine.down("only")
        assert machine.settings()["ipv4/ip_forward"] == "1\n"
