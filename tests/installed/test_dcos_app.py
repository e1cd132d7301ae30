"""The DC/OS package's app on a real Mesos, with no Python on the agents, behind a proxy that strips its path."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from podexec.testing import Podexec, wait_for
from scheduler.cli.client import Client
from tests.installed.conftest import MOMENT, Built
from tests.universe.standin import admin_router, pod_of
from tests.universe.test_package import rendered, with_options
from tests.zookeeper import Ensemble
from tools.bundle.build import build
from tools.universe.__main__ import write

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("mesos")]
POD = {
    "id": "/hello",
    "containers": [
        {"name": "one", "resources": {"cpus": 0.1, "mem": 16}, "exec": {"command": {"shell": "echo hi; sleep 1000"}}},
        {"name": "two", "resources": {"cpus": 0.2, "mem": 24}, "exec": {"command": {"shell": "sleep 1000"}}},
    ],
}


@pytest.fixture(scope="module")
def files(built: Built) -> Iterator[Path]:
    """The files of ``make universe``, and a folder with nothing but a shell, where any user can read them."""
    with tempfile.TemporaryDirectory(prefix="podexec-universe-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        write(built.folder, folder, f"file://{folder}", "somebody", MOMENT)
        (folder / "programs").mkdir()
        (folder / "programs" / "sh").symlink_to("/bin/sh")
        yield folder


def test_the_bundle_is_reproducible(built: Built, files: Path, tmp_path: Path) -> None:
    (bundle,) = files.glob("podexec-scheduler-*.tar.gz")
    build(built.wheel, tmp_path / "again.tar.gz", MOMENT)
    assert (tmp_path / "again.tar.gz").read_bytes() == bundle.read_bytes()


@pytest.fixture(scope="module")
def marathon() -> Iterator[Podexec]:
    """Two agents, and a podexec that stands in for Marathon on them."""
    with Podexec(agents=2, scheduler_options=["--mesos-role", "marathon"]) as marathon:
        yield marathon


@pytest.mark.parametrize("on_volume", [False, True], ids=["in-zookeeper", "on-a-volume"])
def test_the_rendered_app_runs_pods_behind_admin_router(
    marathon: Podexec, files: Path, tmp_path: Path, on_volume: bool
) -> None:
    """It is ended in between, and knows its pods: on another agent too, unless its state is on a volume of its own."""
    (package,) = json.loads((files / "repository-v4.json").read_text())["packages"]
    master = marathon.cluster.master
    pods = {"default_network_name": "", "secrets_source": "environment"}
    first, second = (agent.address.partition(":")[0] for agent in marathon.cluster.agents)
    bridge = f"{first.rpartition('.')[0]}.1"  # this machine's address on the network of the agents
    with Ensemble(tmp_path / "zookeeper", 1, host=bridge) as zookeeper:
        options = with_options(
            service={"allowed_hosts": "dcos.example.com"},
            mesos={"master": master},
            pods=pods,
            store={"zookeeper": zookeeper.hosts, "on_volume": on_volume},
        )
        app = rendered(options, package["resource"])
        service = marathon.run(pod_of(app, first, str(files / "programs")), timeout=120)
        agent = service.agent()
        with admin_router(service.endpoint("api").url, tmp_path) as url, Client(url) as client:
            client.add(POD)
            wait_for("the pod is stable", lambda: client.status("/hello")["status"] == "STABLE", 60)
            headers = {"Accept": "text/event-stream"}
            with httpx2.stream("GET", f"{url}/v2/events", headers=headers, trust_env=False) as events:
                assert next(events.iter_lines()), "the stream is held back"
            for host, status in (("dcos.example.com", 200), ("evil.example.com", 421)):
                assert httpx2.get(f"{url}/v2/pods", headers={"Host": host}, trust_env=False).status_code == status
            (before,) = client.status("/hello")["instances"]
        if on_volume:
            service.kill()
            service.wait_stable(120)
        else:
            service.update(pod_of(app, second, str(files / "programs")), timeout=120)
            assert service.agent() != agent
        with admin_router(service.endpoint("api").url, tmp_path) as url, Client(url) as client:
            wait_for("the pod is stable", lambda: client.status("/hello")["status"] == "STABLE", 60)
            assert [each["id"] for each in client.status("/hello")["instances"]] == [before["id"]]
            client.remove("/hello")
            wait_for("the pod is gone", lambda: not client.statuses(), 60)
        service.delete(120)
