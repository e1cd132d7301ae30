"""Whether the cluster has converged, by what users, agents and processes say.

The same moment is used for the checkers: what exists and runs then must be exactly what users want.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from localmesos.commands import AGENT_PORT
from tests.faults.cluster.cluster import Cluster
from tests.faults.cluster.observer import Live, Observer
from tests.faults.cluster.topology import AGENT
from tests.faults.cluster.users import Api, value_of

_AGENT_SECONDS = 3.0


@dataclass
class Picture:
    """What was found at one moment.

    Attributes:
        differs: how it is not quiet; empty if it is.
        pods: revision and instances of each pod; None if no scheduler says.
        live: the containers that run.
        executors: agents with the executors that they have.
    """

    differs: list[str] = field(default_factory=list)
    pods: dict[str, list[int]] | None = None
    live: Live = field(default_factory=list)
    executors: list[tuple[str, str]] = field(default_factory=list)


def look(cluster: Cluster, observer: Observer, api: Api) -> Picture:
    """Look at everything once."""
    picture = Picture()
    try:
        picture.live = observer.live()
        statuses = {each["id"]: each for each in api.get("/v2/pods::status")}
        picture.pods = {pod: value_of(each["spec"]) for pod, each in statuses.items()}
        wanted = {pod: instances for pod, (_, instances) in picture.pods.items()}
        picture.differs += _compare_statuses(wanted, statuses)
        if deployments := api.get("/v2/deployments"):
            picture.differs.append(f"deployments: {', '.join(sorted(each['id'] for each in deployments))}")
        _ask_agents(cluster, picture)
        picture.differs += _compare_processes(wanted, picture)
        if picture.live != observer.live():
            picture.differs.append("containers come and go")
    except (LookupError, httpx2.HTTPError) as error:
        picture.differs.append(str(error) or type(error).__name__)
    return picture


def _compare_statuses(wanted: Mapping[str, int], statuses: Mapping[str, Any]) -> Iterator[str]:
    for pod, status in statuses.items():
        instances = Counter(each["status"] for each in status.get("instances", ()))
        if instances != Counter({"STABLE": wanted[pod]} if wanted[pod] else {}):
            yield f"{pod} wants {wanted[pod]} instances and has {dict(instances)}"


def _ask_agents(cluster: Cluster, picture: Picture) -> None:
    for agent in cluster.topology.of(AGENT):
        url = f"http://{cluster.address(agent)}:{AGENT_PORT}/state"
        answer = httpx2.get(url, timeout=_AGENT_SECONDS, trust_env=False)
        if not answer.is_success:
            picture.differs.append(f"{agent} answers {answer.status_code}")
            continue
        frameworks = answer.json()["frameworks"]
        picture.executors += [(agent, each["id"]) for framework in frameworks for each in framework["executors"]]


def _compare_processes(wanted: Mapping[str, int], picture: Picture) -> Iterator[str]:
    live = {(agent, pod, executor) for agent, pod, executor, _ in picture.live}
    counts = Counter(pod for _, pod, _ in live)
    for pod in sorted(counts.keys() | wanted.keys()):
        if counts[pod] != wanted.get(pod, 0):
            yield f"{counts[pod]} instances of {pod} run, not {wanted.get(pod, 0)}"
    if len(picture.executors) != len(live):
        yield f"agents have {len(picture.executors)} executors, and {len(live)} run"
