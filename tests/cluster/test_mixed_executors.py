"""An upgrade, with pods running: a scheduler starts again with another executor, and each pod keeps the one it has."""

import contextlib
import signal
import zipfile
from pathlib import Path

import psutil
import pytest

from podexec.zipapp import write_archive
from scheduler.cli.pythons import executor_python
from tests.cluster.support import DEFAULT, PODEXEC, Json, Scheduler, container
from tests.cluster.test_inside import pod

# Pods of both releases run side by side, whichever is the newer one: a downgrade leaves the same.
OTHER_RELEASE = "0.0.9"
EXECUTORS = (f"podexec-{OTHER_RELEASE}.pyz", "mesos-default-executor", "podexec.pyz")


@pytest.fixture
def other_release(executor: Path, tmp_path: Path) -> Path:
    """The executor of another release, which is a file of another name."""
    with zipfile.ZipFile(executor) as archive:
        entries = {name: archive.read(name) for name in archive.namelist() if not name.endswith(".pyc")}
    entries["podexec/__init__.py"] = f'__version__ = "{OTHER_RELEASE}"\n'.encode()
    output = tmp_path / EXECUTORS[0]
    with output.open("wb") as file:
        write_archive(file, entries, read_at_start=())
    output.chmod(0o755)
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    return output


def definition(name: str, greeting: str = "hello") -> Json:
    """Two unequal containers; the first one greets."""
    return {
        "id": f"/mixed/{name}",
        "containers": [
            container("main", f"echo {greeting} from {name}; exec sleep 1000"),
            container("other", "exec sleep 1000", resources={"cpus": 0.05, "mem": 20}),
        ],
    }


def tasks(status: Json) -> list[str]:
    """Ids of the tasks of a pod's only instance: those of a relaunched one differ."""
    (instance,) = status["instances"]
    return [each["containerId"] for each in instance["containers"]]


def executor_of(status: Json) -> str:
    """The name of the file that runs as the executor of a pod's only instance."""
    (instance,) = status["instances"]
    files = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("MESOS_EXECUTOR_ID", "").endswith(instance["id"].rpartition("instance-")[2]):
                files += [Path(word).name for word in process.cmdline()[1:] if Path(word).name in EXECUTORS]
    (file,) = files
    return file


def test_each_pod_keeps_the_executor_that_it_began_with(
    own_scheduler: Scheduler, executor: Path, other_release: Path
) -> None:
    """That of another release, the agents' default one, and this one: all are followed, entered and replaced."""
    scheduler, python = own_scheduler, executor_python()
    kinds = {OTHER_RELEASE: str(other_release), DEFAULT: "default", PODEXEC: str(executor)}
    began = {}
    for kind, file in kinds.items():
        scheduler.end(signal.SIGTERM)
        scheduler.use_executor(file, python)
        scheduler.start()
        began[kind] = tasks(scheduler.run(definition(kind)))

    now = {kind: scheduler.stable(f"/mixed/{kind}") for kind in kinds}
    assert {kind: tasks(status) for kind, status in now.items()} == began
    assert [executor_of(status) for status in now.values()] == list(EXECUTORS)
    for kind in kinds:
        assert f"hello from {kind}" in pod(scheduler, "logs", f"/mixed/{kind}").stdout.decode()
        inside = pod(scheduler, "exec", f"/mixed/{kind}", "--container", "main", "--", "sh", "-c", "exit 7")
        assert inside.returncode == 7

    for kind in kinds:  # a changed definition replaces the instance, and this release's executor runs the new one
        scheduler.client.update(definition(kind, "goodbye"))
        status = scheduler.wait(f"/mixed/{kind} is replaced", lambda kind=kind: replaced(scheduler, kind, began[kind]))
        assert executor_of(status) == executor.name
        scheduler.output(status, "main", f"goodbye from {kind}")


def replaced(scheduler: Scheduler, kind: str, before: list[str]) -> Json | None:
    """The status of a pod that is stable with other tasks."""
    status = scheduler.client.status(f"/mixed/{kind}")
    is_replaced = status["status"] == "STABLE" and len(status["instances"]) == 1 and tasks(status) != before
    return status if is_replaced else None
