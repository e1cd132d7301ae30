"""Everything that the scheduler, the executor and Mesos show or store: where a secret could be seen."""

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import httpx2

from localmesos import Cluster
from scheduler.api.openapi import document
from tests.cluster.support import HTTP, Scheduler

_STREAMS = ("/v2/events",)
_EXECUTOR_FILE = "/executor/{sha256}"
_OF_CONTAINERS = ("::files/read", "::archive")  # of a file in a container, whatever it is
_MASTER = ("/state", "/state-summary", "/tasks", "/frameworks", "/slaves", "/roles", "/metrics/snapshot", "/flags")
_AGENT = ("/state", "/containers", "/flags", "/monitor/statistics", "/metrics/snapshot")
_MOST_EVENTS = 1000


def traces(scheduler: Scheduler, pod_id: str) -> Iterator[tuple[str, bytes]]:
    """Each of them, by its place. The pod has an instance."""
    cluster: Cluster = scheduler.cluster
    for path in _api_paths(scheduler, pod_id):
        yield f"GET {path}", HTTP.get(f"{scheduler.client.url}{path}").content
    yield "GET /v2/events", _events(scheduler)
    for path in _MASTER:
        yield f"GET master{path}", HTTP.get(f"http://{cluster.master}{path}").content
    for agent in cluster.agents:
        for path in _AGENT:
            yield f"GET agent{path}", HTTP.get(f"http://{agent.address}{path}").content
    yield "scheduler's log", scheduler.log.read_bytes()
    yield from _files("store", scheduler.log.parent.glob(f"{scheduler.log.stem}.db*"))
    yield from _files("recording", scheduler.log.parent.glob("recording*"))
    yield from _files("mesos'", cluster.state.folder.rglob("log/*"))
    yield from _files("meta", (file for agent in cluster.agents for file in agent.work_dir.glob("meta/**/*")))
    yield from _files("sandbox", (file for agent in cluster.agents for file in agent.work_dir.glob("slaves/**/*")))
    yield from _files("proc", Path("/proc").glob("[0-9]*/cmdline"))


def environments() -> Iterator[tuple[str, bytes, bytes]]:
    """The place, the command line and the environment of every process."""
    for name, environment in _files("proc", Path("/proc").glob("[0-9]*/environ")):
        for _, words in _files("", [Path(name.removeprefix("proc ")).parent / "cmdline"]):
            yield name, words.replace(b"\0", b" "), environment


def seen(secret: str, places: Iterable[tuple[str, bytes]]) -> list[str]:
    """Where a secret is seen, plainly, or in base64 once or twice."""
    return [place for place, content in places if any(form in content for form in forms(secret))]


def forms(secret: str) -> list[bytes]:
    """The text itself, its form in Mesos' JSON, and its three forms within base64, which depend on its offset."""
    raw = secret.encode()
    encoded = base64.b64encode(raw)
    within = [base64.b64encode(b"_" * shift + raw)[4:-4] for shift in range(3)]
    nested = [base64.b64encode(b"_" * shift + encoded)[4:-4] for shift in range(3)]
    return [raw, encoded, quote(secret, safe="").encode(), *within, *nested]


def _api_paths(scheduler: Scheduler, pod_id: str) -> Iterator[str]:
    """Every GET of the API, with what the pod has in the place of each parameter."""
    (instance, *_) = scheduler.client.status(pod_id)["instances"]
    pod_versions = scheduler.client.versions(pod_id)
    group_versions = HTTP.get(f"{scheduler.client.url}/v2/groups/versions").json()
    deployments = [each["id"] for each in HTTP.get(f"{scheduler.client.url}/v2/deployments").json()] or ["none"]
    names = {"pod_id": pod_id.strip("/"), "instance_id": instance["id"], "deployment_id": deployments[0]}
    for path, methods in document("1").get("paths", {}).items():
        if "get" not in methods or path in (*_STREAMS, _EXECUTOR_FILE) or path.endswith(_OF_CONTAINERS):
            continue
        versions = pod_versions if "pod_id" in path else group_versions
        for version in versions if "{version}" in path else [""]:
            filled = path.format(**names, version=version, group_id="none", path="index.html")
            yield f"{filled}?embed=podexec"
    yield f"/v2/pods{pod_id}::logs?executor=true"
    yield f"/v2/pods{pod_id}::files?executor=true"
    yield "/v2/groups?embed=group.pods&embed=group.groups&embed=podexec"
    yield "/v2/queue?embed=lastUnusedOffers&embed=podexec"


def _events(scheduler: Scheduler) -> bytes:
    """All events that are kept: the stream is read until it says nothing more."""
    content = b""
    headers = {"Accept": "text/event-stream", "Last-Event-ID": "0"}
    timeout = httpx2.Timeout(10, read=1)
    url = f"{scheduler.client.url}/v2/events?embed=podexec"
    try:
        with httpx2.stream("GET", url, headers=headers, timeout=timeout, trust_env=False) as response:
            for piece in response.iter_raw():
                content += piece
                assert content.count(b"\nevent:") < _MOST_EVENTS
    except httpx2.ReadTimeout:
        pass
    return content


def _files(what: str, files: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for file in files:
        try:
            if file.is_file():
                yield f"{what} {file}", file.read_bytes()
        except OSError:  # a process ended, or a file went, while this looked
            continue
