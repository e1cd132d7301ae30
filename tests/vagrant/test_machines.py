"""The provisioning makes a cluster of machines, which survives an agent's restart; running it again changes nothing."""

import json
from typing import Any

import pytest

from tests.cluster.support import wait_for
from tests.vagrant.conftest import Machines
from tests.vagrant.machine import Machine

# The first test has the machines made, and before that, once for all runs, the files that they are made of.
pytestmark = pytest.mark.timeout(900)

_UNITS = {
    "master-1": ("mesos-master", "podexec", "podexec-share"),
    "agent-1": ("mesos-agent",),
    "agent-2": ("mesos-agent",),
}
# What the provisioning may write to, where a machine has it.
_FOLDERS = ("/etc", "/opt", "/usr/local", "/srv/podexec/share", "/srv/podexec/images", "/var/lib/podexec-provision")
_STATE = "--property=ActiveState,MainPID,NRestarts,UnitFileState,InvocationID"


def _status(machines: Machines) -> dict[str, Any]:
    """Status of the example pod."""
    status: dict[str, Any] = json.loads(machines["master-1"].run("podexec", "pod", "show", "/hello", "--json"))
    return status


def _await_stable(machines: Machines) -> dict[str, Any]:
    def probe() -> dict[str, Any] | None:
        status = _status(machines)
        return status if status["status"] == "STABLE" and len(status["instances"]) == 2 else None

    try:
        return wait_for("the example pod is STABLE on both agents", probe)
    except AssertionError as error:
        journals = "\n".join(machine.journal() for machine in machines.by_name.values())
        raise AssertionError(f"{error}\n{json.dumps(_status(machines), indent=1)}\n{journals}") from None


def _lives(machines: Machines) -> dict[str, Any]:
    """Of each instance, once all are stable, what stays while it lives: its agent and its containers' starts."""
    return {
        instance["id"]: (
            instance["agentHostname"],
            [(container["containerId"], container["statusSince"]) for container in instance["containers"]],
        )
        for instance in _await_stable(machines)["instances"]
    }


def _services(machines: Machines) -> dict[str, dict[str, str]]:
    """State of each unit."""
    return {f"{name}:{unit}": _service(machines[name], unit) for name, units in _UNITS.items() for unit in units}


def _service(machine: Machine, unit: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in machine.run("systemctl", "show", unit, _STATE).split())


def _files(machine: Machine) -> list[str]:
    """Name, time and hash of each file that the provisioning may have written."""
    folders = [folder for folder in _FOLDERS if machine.attempt("test", "-d", folder).returncode == 0]
    seen = machine.run("find", *folders, "-type", "f", "-printf", "%p %T@\\n", "-exec", "sha256sum", "{}", "+")
    return sorted(seen.splitlines())


def _await_registered(machine: Machine, before: dict[str, str]) -> None:
    """Wait until the agent has another process, which has recovered and is registered."""

    def probe() -> bool:
        metrics = machine.attempt("curl", "--silent", f"http://{machine.address}:5051/metrics/snapshot").stdout
        return '"slave/registered":1' in metrics and _service(machine, "mesos-agent")["MainPID"] != before["MainPID"]

    wait_for(f"the agent of {machine.name} is registered again", probe)


def test_the_example_pod_answers_on_each_agent_from_other_machines(machines: Machines) -> None:
    agents = {agent for agent, _ in _lives(machines).values()}
    assert agents == {"192.168.56.21", "192.168.56.22"}
    for client, agent in (("agent-2", "192.168.56.21"), ("agent-1", "192.168.56.22"), ("master-1", "192.168.56.21")):
        page = machines[client].run("curl", "--silent", "--show-error", "--fail", f"http://{agent}:31000/")
        assert page.startswith("hello from hello.instance-"), page
        assert f" on {agent} at " in page, page


def test_containers_have_limits(machines: Machines) -> None:
    _await_stable(machines)
    limits = machines["agent-1"].run("sh", "-c", "cat /sys/fs/cgroup/memory/mesos/*/memory.limit_in_bytes")
    assert limits.split() == [str((32 + 64 + 32) << 20)], "MB of the pod's containers and of its executor"


def test_every_unit_runs_and_will_run_after_a_reboot(machines: Machines) -> None:
    for unit, state in _services(machines).items():
        name, _, service = unit.partition(":")
        assert (state["ActiveState"], state["UnitFileState"], state["NRestarts"]) == ("active", "enabled", "0"), (
            f"{unit}\n{machines[name].journal(service)}"
        )


@pytest.mark.parametrize("unit", _UNITS["master-1"])
def test_what_needs_no_rights_has_none(machines: Machines, unit: str) -> None:
    status = machines["master-1"].run("cat", f"/proc/{_service(machines['master-1'], unit)['MainPID']}/status")
    rights = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert rights["Uid"].split()[0] != "0"
    assert (rights["CapEff"], rights["CapBnd"], rights["NoNewPrivs"]) == ("0" * 16, "0" * 16, "1")


def test_provisioning_again_changes_nothing(machines: Machines) -> None:
    def all_of_it() -> tuple[Any, ...]:
        files = {name: _files(machine) for name, machine in machines.by_name.items()}
        return _lives(machines), _services(machines), files

    before = all_of_it()
    said = machines.provision()
    assert all_of_it() == before
    assert said == dict.fromkeys(machines.by_name, ""), "nothing is done, so there is nothing to say"


def test_a_change_restarts_only_what_it_concerns(machines: Machines) -> None:
    lives, before = _lives(machines), _services(machines)
    (changed,) = (plan["environment"] for plan in machines.plan if plan["name"] == "agent-2")
    changed["RESOURCES"] = changed["RESOURCES"].replace("cpus:2", "cpus:3")
    assert machines.provision() == {"master-1": "", "agent-1": "", "agent-2": "podexec: starting mesos-agent\n"}
    after = _services(machines)
    assert [unit for unit in after if after[unit] != before[unit]] == ["agent-2:mesos-agent"]
    assert _lives(machines) == lives


def test_an_agents_restart_keeps_its_instance(machines: Machines) -> None:
    lives, before = _lives(machines), _service(machines["agent-1"], "mesos-agent")
    machines["agent-1"].run("systemctl", "restart", "mesos-agent")
    _await_registered(machines["agent-1"], before)
    assert _lives(machines) == lives


def test_an_agent_that_is_killed_is_started_again_and_keeps_its_instance(machines: Machines) -> None:
    lives, before = _lives(machines), _service(machines["agent-2"], "mesos-agent")
    machines["agent-2"].run("kill", "-KILL", before["MainPID"])
    _await_registered(machines["agent-2"], before)
    assert int(_service(machines["agent-2"], "mesos-agent")["NRestarts"]) == int(before["NRestarts"]) + 1
    assert _lives(machines) == lives
