"""mesos-cni-port-mapper with fake plugins that record their calls."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localmesos.libexec import cni_port_mapper

PROGRAM = Path(cni_port_mapper.__file__)
RESULT = {
    "cniVersion": "0.4.0",
    "ips": [{"version": "4", "address": "10.78.1.2/24", "gateway": "10.78.1.1", "interface": 2}],
    "dns": {"nameservers": ["192.0.2.53"]},
}
FAKE = """
import json, os, pathlib, sys
config = json.load(sys.stdin)
with open({calls!r}, "a") as file:
    file.write(json.dumps([os.environ["CNI_COMMAND"], config["type"], config, os.environ["PATH"]]) + "\\n")
sys.stdout.write({answer!r})
sys.exit({status})
"""


@dataclass
class Plugins:
    """A folder of fake plugins."""

    folder: Path

    def add(self, name: str, answer: str = "", status: int = 0) -> None:
        """Make a plugin that prints an answer."""
        calls = str(self.folder / "calls")
        path = self.folder / name
        program = FAKE.format(calls=calls, answer=answer, status=status)
        # A first line takes no spaces, which the path of a clone may have.
        path.write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(program)}\n")
        path.chmod(0o755)

    def calls(self) -> list[Any]:
        """All calls so far: command, type, configuration, PATH."""
        file = self.folder / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def call(self, command: str, mappings: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
        """Call the port mapper as Mesos does."""
        config = {
            "name": "dcos",
            "type": "mesos-cni-port-mapper",
            "delegate": {"type": "bridge", "bridge": "dcos0"},
            "args": {"org.apache.mesos": {"network_info": {"name": "dcos", "port_mappings": mappings}}},
        }
        environment = {"CNI_COMMAND": command, "CNI_PATH": f"/nowhere:{self.folder}", "CNI_CONTAINERID": "one"}
        return subprocess.run(
            [sys.executable, str(PROGRAM)],
            input=json.dumps(config),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def plugins(tmp_path: Path) -> Plugins:
    """Plugins bridge and portmap that succeed."""
    made = Plugins(tmp_path)
    made.add("bridge", json.dumps(RESULT))
    made.add("portmap")
    return made


MAPPING = {"host_port": 31500, "container_port": 8080}


def test_add_runs_the_delegate_then_maps_the_ports_and_answers_in_the_form_of_mesos(plugins: Plugins) -> None:
    done = plugins.call("ADD", [MAPPING, {**MAPPING, "host_port": 31501, "protocol": "UDP"}])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "cniVersion": "0.2.0",
        "dns": {"nameservers": ["192.0.2.53"]},
        "ip4": {"ip": "10.78.1.2/24", "gateway": "10.78.1.1"},
    }
    (_, first, delegate, path), (command, second, portmap, _) = plugins.calls()
    assert (first, second, command) == ("bridge", "portmap", "ADD")
    assert (delegate["name"], delegate["bridge"]) == ("dcos", "dcos0")
    assert "/usr/sbin" in path
    assert portmap["prevResult"] == RESULT
    assert portmap["runtimeConfig"]["portMappings"] == [
        {"hostPort": 31500, "containerPort": 8080, "protocol": "tcp"},
        {"hostPort": 31501, "containerPort": 8080, "protocol": "udp"},
    ]


def test_del_removes_the_mappings_before_the_network(plugins: Plugins) -> None:
    assert plugins.call("DEL", [MAPPING]).returncode == 0
    assert [call[:2] for call in plugins.calls()] == [["DEL", "portmap"], ["DEL", "bridge"]]


@pytest.mark.parametrize("command", ["ADD", "DEL"])
def test_without_ports_only_the_delegate_runs(command: str, plugins: Plugins) -> None:
    assert plugins.call(command, []).returncode == 0
    assert [call[:2] for call in plugins.calls()] == [[command, "bridge"]]


def test_the_error_of_a_plugin_is_the_answer(plugins: Plugins) -> None:
    plugins.add("bridge", '{"code": 11, "msg": "no address is free"}', status=1)
    done = plugins.call("ADD", [MAPPING])
    assert done.returncode == 1
    assert json.loads(done.stdout)["msg"] == "no address is free"
    assert len(plugins.calls()) == 1


def test_a_missing_plugin_is_named(plugins: Plugins) -> None:
    (plugins.folder / "portmap").unlink()
    done = plugins.call("ADD", [MAPPING])
    assert done.returncode == 1
    assert "no plugin portmap" in json.loads(done.stdout)["msg"]


def test_versions_are_told_and_other_commands_refused(plugins: Plugins) -> None:
    assert "0.3.0" in json.loads(plugins.call("VERSION", []).stdout)["supportedVersions"]
    refused = plugins.call("CHECK", [])
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["code"] == cni_port_mapper.UNSUPPORTED_COMMAND
