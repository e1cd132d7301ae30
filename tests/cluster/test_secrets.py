"""Secrets on a real Mesos: they reach the containers that request them, and are visible nowhere else."""

import base64
import hashlib
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx2
import pytest

from localmesos import Cluster
from tests.cluster.support import Json, Scheduler, both_executors, container

BUSYBOX = {"kind": "DOCKER", "id": "busybox:1.35"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The secrets directory of the next scheduler, which logs at the most detailed level."""
    folder = tmp_path / "secrets"
    folder.mkdir(0o700)
    monkeypatch.setenv("PODEXEC_SECRETS_SOURCE", f"directory:{folder}")
    monkeypatch.setenv("PODEXEC_LOG_LEVEL", "debug")
    return folder


@pytest.fixture
def scheduler(folder: Path, own_scheduler: Scheduler) -> Scheduler:
    """A scheduler with this directory."""
    assert folder.is_dir()
    return own_scheduler


def keep(folder: Path, name: str, value: str) -> str:
    """Write a secret atomically; returns the value's checksum as ``sha256sum`` prints it."""
    new = folder / ".new"
    new.touch(0o600)
    new.write_text(value)
    new.rename(folder / name)
    return hashlib.sha256(value.encode()).hexdigest()


def test_secrets_reach_their_containers_and_are_seen_nowhere_else(scheduler: Scheduler, folder: Path) -> None:
    """Secrets in the environment and as files, with and without an image; the containers print checksums."""
    in_variable, in_file = (f"canary-{uuid.uuid4().hex}" for _ in range(2))
    variable, file = keep(folder, "variable", in_variable), keep(folder, "file", in_file)
    show = "printf %s $PW | sha256sum; sha256sum < {}; echo shown; exec sleep 100"
    definition = {
        "id": "/secretive",
        "secrets": {"pw": {"source": "/variable"}, "key": {"source": "/file"}},
        "environment": {"PW": {"secret": "pw"}},
        "volumes": [{"name": "key", "secret": "key"}],
        "containers": [
            container("plain", show.format("keys/key"), volumeMounts=[{"name": "key", "mountPath": "keys/key"}]),
            container(
                "imaged",
                show.format("/run/keys/key"),
                image=BUSYBOX,
                volumeMounts=[{"name": "key", "mountPath": "/run/keys/key", "readOnly": True}],
            ),
        ],
    }
    status = scheduler.run(definition)
    for name in ("plain", "imaged"):
        lines = scheduler.output(status, name, "shown").splitlines()
        assert [line.split()[0] for line in lines[:2]] == [variable, file]
    traces = dict(_traces(scheduler, "/secretive"))
    for where in ("/state", "::status", "scheduler's log", ".db", "stderr"):  # that it looked there at all
        assert [name for name, text in traces.items() if where in name and b"secretive" in text], where
    assert [name for name, text in traces.items() if "cmdline" in name and b"sleep\x00100\x00" in text]
    for canary in (in_variable, in_file):
        found = [where for where, text in traces.items() if any(form in text for form in _forms(canary))]
        assert found == []


def test_a_missing_secret_is_told_and_delivered_once_it_is_there(scheduler: Scheduler, folder: Path) -> None:
    """The launch counts as failed; the next one after the back-off finds the secret."""
    definition = {
        "id": "/early",
        "secrets": {"pw": {"source": "/late"}},
        "containers": [
            container("waits", "printf %s $PW | sha256sum; exec sleep 100", environment={"PW": {"secret": "pw"}}),
            container("beside", "exec sleep 100"),
        ],
    }
    scheduler.client.add(definition)
    history = scheduler.wait(
        "a launch without its secret", lambda: scheduler.client.status("/early").get("terminationHistory")
    )
    assert history[0]["message"] == f"secret '/late' cannot be delivered: there is no file {folder}/late"
    assert {each["lastKnownState"] for each in history[0]["containers"]} == {"TASK_ERROR"}
    expected = keep(folder, "late", "hush")
    assert scheduler.output(scheduler.stable("/early"), "waits", "\n").split()[0] == expected


@both_executors
def test_a_changed_secret_comes_with_the_next_launch(scheduler: Scheduler, folder: Path) -> None:
    """Running containers keep their values."""
    old = keep(folder, "rotated", "old")
    shell = "sha256sum < key; until test -e go; do sleep 0.1; done; sha256sum < key; exit 1"
    definition = {
        "id": "/rotating",
        "secrets": {"key": {"source": "/rotated"}},
        "volumes": [{"name": "key", "secret": "key"}],
        "containers": [container("one", shell, volumeMounts=[{"name": "key", "mountPath": "key"}])],
    }
    first = scheduler.run(definition)
    scheduler.output(first, "one", old)
    new = keep(folder, "rotated", "new")
    sandbox = scheduler.sandbox(first, "one")
    (sandbox / "go").touch()

    def relaunched() -> Json | None:
        status = scheduler.client.status("/rotating")
        tasks = [each.get("containerId", "") for each in status["instances"][0].get("containers", ())]
        return status if status["status"] == "STABLE" and tasks[0].endswith(".2") else None

    second = scheduler.wait("the second launch", relaunched)
    scheduler.output(second, "one", new)
    assert (sandbox / "stdout").read_text().count(old) == 2


def _traces(scheduler: Scheduler, pod_id: str) -> Iterator[tuple[str, bytes]]:
    """Everything that the scheduler, the executor and Mesos show or store, by location."""
    cluster: Cluster = scheduler.cluster
    api = scheduler.client.url
    urls = [
        f"{api}{path}"
        for path in ("/v2/pods", f"/v2/pods{pod_id}", f"/v2/pods{pod_id}::status", "/v2/info?embed=podexec")
    ]
    urls += [f"http://{cluster.master}{path}" for path in ("/state", "/tasks")]
    urls += [f"http://{agent.address}{path}" for agent in cluster.agents for path in ("/state", "/containers")]
    for url in urls:
        yield f"GET {url}", httpx2.get(url, timeout=10).content
    yield "scheduler's log", scheduler.log.read_bytes()
    for file in scheduler.log.parent.glob(f"{scheduler.log.stem}.db*"):
        yield f"store {file}", file.read_bytes()
    yield from _files("mesos'", cluster.state.folder.rglob("log/*"))
    yield from _files("meta", (file for agent in cluster.agents for file in agent.work_dir.glob("meta/**/*")))
    yield from _files("sandbox", (file for agent in cluster.agents for file in agent.work_dir.glob("slaves/**/*")))
    yield from _files("proc", Path("/proc").glob("[0-9]*/cmdline"))


def _files(what: str, files: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for file in files:
        try:
            if file.is_file():
                yield f"{what} {file}", file.read_bytes()
        except OSError:  # a process ended, or a file went, while this looked
            continue


def _forms(value: str) -> list[bytes]:
    """The text itself, its form in Mesos' JSON, and its three forms within base64, which depend on its offset."""
    raw = value.encode()
    encoded = base64.b64encode(raw)
    nested = [base64.b64encode(b"_" * shift + encoded)[4:-4] for shift in range(3)]
    return [raw, encoded, *nested]
