"""Podexec and its pods, as a test of somebody uses them."""

from __future__ import annotations

import json
import subprocess
import sys
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from localmesos import Cluster
from podexec.testing import HarnessError, Podexec, RefusedError, TimedOutError, wait_for
from podexec.testing.clusters import ClusterOptions
from tests.harness import pods


def test_a_pod_is_updated_scaled_killed_and_deleted(podexec: Podexec) -> None:
    pod = podexec.run(pods.web("/web", "first"))
    assert pod.endpoint("http").get("/").text == "first\n"
    assert pod.endpoint("http").get("/absent").status_code == 404
    assert pod.update(pods.web("/web", "second"))["status"] == "STABLE"
    assert len(pod.scale(2)["instances"]) == 2
    assert [pod.endpoint("http", each).get("/").text for each in (0, -1)] == ["second\n", "second\n"]
    assert len({pod.endpoint("http", each).url for each in (0, 1)}) == 2
    assert len(pod.scale(1)["instances"]) == 1

    (instance,) = pod.instances
    task = _task_of([instance])
    pod.kill(instance["id"])
    wait_for("another run", lambda: _task_of(pod.instances) not in {None, task})
    pod.wait_stable()
    pod.delete()
    pod.delete()
    with pytest.raises(RefusedError, match="'/web' does not exist") as refused:
        _ = pod.status
    assert refused.value.status == 404
    assert pod.explain() == "there is no pod /web"


def _task_of(instances: list[Any]) -> str | None:
    """The id of the first container's task; None between two runs."""
    containers = instances[0]["containers"] if instances else ()
    return containers[0].get("containerId") if containers else None


def test_commands_run_in_containers(podexec: Podexec) -> None:
    pod = podexec.run(pods.pod("/commands"))
    lots = bytes(range(256)) * 1000
    done = pod.exec("sh", "-c", "wc -c; echo wrong >&2; exit 3", stdin=lots)
    assert (done.exit_code, done.stdout.strip(), done.stderr) == (3, str(len(lots)), "wrong\n")
    assert pod.exec("printf", "\\377").stdout == "\N{REPLACEMENT CHARACTER}"
    assert pod.exec("no such program").exit_code == 127
    with pytest.raises(TimedOutError, match=r"'sleep 600' did not end within 0\.5 s"):
        pod.exec("sleep", "600", timeout=0.5)
    with pytest.raises(RefusedError, match="no container") as refused:
        pod.exec("true", container="absent")
    assert refused.value.status == 404


def test_the_output_of_containers_and_of_executors_can_be_read(podexec: Podexec) -> None:
    pod = podexec.run(pods.pod("/talks", "echo one; echo two; echo wrong >&2; exec sleep 1000"))
    wait_for("the output", lambda: len(pod.logs().splitlines()) >= 4)
    assert pod.logs("main", stream="stdout") == "one\ntwo\n"
    assert pod.logs(tail=1, stream="stdout", instance=pod.instance()["id"]) == "two\n"
    assert "event=subscribed" in pod.logs(executor=True)
    assert '"event":"pod created"' in podexec.scheduler_log


def test_endpoints_that_cannot_be_reached_are_explained(podexec: Podexec) -> None:
    silent = pods.pod("/closed", endpoints=[{"name": "a", "hostPort": 0}])
    pod = podexec.run(silent | {"networks": [{"mode": "host"}]})
    with pytest.raises(HarnessError, match=r"/closed has no endpoint 'http'; it has a"):
        pod.endpoint("http")
    with pytest.raises(HarnessError, match="/closed has no instance number 1; /closed is STABLE, 1/1"):
        pod.endpoint("a", 1)
    with pytest.raises(TimedOutError, match=r"a answers at http://.*: not within 0\.2 s"):
        pod.endpoint("a").get(timeout=0.2)


def test_definitions_that_are_wrong_or_taken_are_refused(podexec: Podexec) -> None:
    with pytest.raises(RefusedError, match=r"(?s)Invalid JSON.*/containers") as refused:
        podexec.run({"id": "/wrong"})
    assert refused.value.status == 422
    podexec.run(pods.pod("/taken"))
    with pytest.raises(RefusedError) as refused:
        podexec.run(pods.pod("/taken"))
    assert refused.value.status == 409


def test_a_pod_that_does_not_become_stable_says_why(podexec: Podexec) -> None:
    pod = podexec.run(pods.pod("/fails", "exit 7"), wait=False)
    wait_for("its first end", lambda: pod.status.get("terminationHistory"))
    with pytest.raises(TimedOutError, match=r"/fails is not stable after 2 s: /fails is \w+, \d/1") as fails:
        pod.wait_stable(timeout=2)  # it keeps running for an instant
    assert "ended: Command exited with status 7" in str(fails.value)
    with pytest.raises(TimedOutError, match=r"(?s)1 waiting to be launched.*wants 1000") as waits:
        podexec.run(pods.pod("/large", resources={"cpus": 1000, "mem": 32}), timeout=2)
    assert "no offer" not in str(waits.value)


def test_a_definition_can_be_a_file(podexec: Podexec, tmp_path: Path) -> None:
    file = tmp_path / "a pod [1].json"
    file.write_text(json.dumps(pods.pod("/from-a-file")))
    assert podexec.run(file).id == "/from-a-file"
    file.write_text(json.dumps([pods.pod("/a"), pods.pod("/b")]))
    with pytest.raises(HarnessError, match="must contain one pod definition"):
        podexec.run(str(file))
    with pytest.raises(HarnessError, match="cannot read"):
        podexec.run(tmp_path / "absent.yaml")


def test_waiting_says_what_was_seen() -> None:
    seen = iter([None, 0, "found"])
    assert wait_for("it", lambda: next(seen)) == "found"
    with pytest.raises(TimedOutError, match=r"it is there: not within 0\.05 s; last seen: \[\]"):
        wait_for("it is there", list, timeout=0.05)
    with pytest.raises(ZeroDivisionError):
        wait_for("an error of the probe", lambda: 1 / 0)


def test_arguments_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(HarnessError, match="exclude each other"):
        Podexec(master="127.0.0.1:5050", agents=2)
    with pytest.raises(HarnessError, match="keep needs a local cluster"):
        Podexec(master="127.0.0.1:5050", keep=True)
    with pytest.raises(HarnessError, match="not running: call start"):
        Podexec().run(pods.pod("/early"))
    with pytest.raises(HarnessError, match="there is no level 'full'"):
        Podexec(level="full").start()


def test_its_options_of_clusters_are_those_of_up() -> None:
    own = {"name", "owner_pid", "progress"}
    assert set(signature(Cluster.up).parameters) - own == set(ClusterOptions.__annotations__)


WITHOUT_PYTEST = """
import sys
from podexec.testing import Podexec
import pods

with Podexec(level="posix", variables={"PODEXEC_SECRET_TOKEN": "x"}) as p:
    print(p.cluster.name, flush=True)
    pod = p.run(pods.pod("/web", "echo for the note; exec sleep 1000"))
    assert p.cluster.level == "posix"
    raise LookupError(pod.id)
"""


def test_without_pytest_an_error_has_the_output_as_a_note_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Options of another scheduler that are in the environment are not for this one."""
    monkeypatch.setenv("PODEXEC_HTTP_CREDENTIALS", "me:secret")
    (tmp_path / "pods.py").write_text(Path(pods.__file__).read_text())
    (tmp_path / "script.py").write_text(WITHOUT_PYTEST)
    command = [sys.executable, "-Werror", str(tmp_path / "script.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    name = done.stdout.strip()
    assert "LookupError: /web\npodexec's scheduler, Mesos and containers have written:\n" in done.stderr
    assert "\nfor the note\n" in done.stderr
    assert f"--- {name} agent-1\n" in done.stderr
    assert name not in Cluster.list()
