"""Pods, agents and whole APIs for targets."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2
import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from scheduler.core.events import OffersReceived, StatusUpdated
from scheduler.core.frame import Record
from scheduler.core.settings import ExecutorCommand, GpuScheduling, Settings
from scheduler.loop.inside import Inside
from scheduler.model.records import Condition
from scheduler.store.codec import decode, encode
from tests.api.whole import WholeApi
from tests.core.support import container, offer, port_ranges, scalar
from tests.fakes.inside import NothingInside
from tests.fuzz.target import FaultError
from tests.model.definitions import FULL
from tests.model.strategies import SITE

_EXAMPLES = Path(__file__).parents[2] / "examples"
SETTINGS = Settings(
    executor=ExecutorCommand(command=None),
    role=SITE.role,
    default_network_name="dcos",
    principal="podexec",
    hold_offer_duration=0,
    gpu_scheduling_behavior=GpuScheduling.UNRESTRICTED,
    features=frozenset({"secrets", "gpu_resources"}),
)
_PODS = (
    {"id": "/web", "containers": [container("main", endpoints=[{"name": "http", "hostPort": 0}]), container("side")]},
    {
        "id": "/db",
        "volumes": [{"name": "data", "persistent": {"size": 5}}],
        "containers": [container("db", volumeMounts=[{"name": "data", "mountPath": "data"}])],
    },
)
# Answers that docs/api.md names, when agents or the scheduler itself cannot be reached.
_ABSENT = (502, 503)
T = TypeVar("T")


@cache
def written_definitions() -> list[Any]:
    """Those in examples/, and one with nearly every field."""
    files = sorted((*_EXAMPLES.glob("*.json"), *_EXAMPLES.glob("*.yaml")))
    return [FULL, *(each for file in files for each in yaml.safe_load_all(file.read_text()))]


def drawn(random: Random, strategy: st.SearchStrategy[T], count: int) -> list[T]:
    """Examples of a hypothesis strategy, which depend on ``random`` alone."""
    found: list[T] = []

    @seed(random.getrandbits(32))
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: T) -> None:
        found.append(example)

    collect()
    return found


def rich_offer(number: int) -> OffersReceived:
    """An agent with plenty of everything, offered to the role of the pods."""
    resources = [scalar(name, 1e6, role) for role in ("*", SITE.role) for name in ("cpus", "mem", "disk", "gpus")]
    return OffersReceived(
        (offer(f"O{number}", f"A{number % 3}", resources=[*resources, port_ranges((1, 65535))], role=SITE.role),)
    )


def whole(records: Iterable[Record] = (), inside: Callable[[], Inside] = NothingInside) -> WholeApi:
    """An API for the definitions here, whose faults are raised."""
    return WholeApi(SETTINGS, records, inside, raises=True)


@contextmanager
def launched(inside: Callable[[], Inside] = NothingInside) -> Iterator[WholeApi]:
    """The same with two pods, one of them with a volume, that have been launched. Their ids are always the same."""
    with whole(inside=inside) as api:
        for body in _PODS:
            answer = api("POST", "/v2/pods", json=body)
            assert answer.status_code == 201, answer.text
        for first in (0, 3):  # a volume is made before it is used
            api.happens(*map(rich_offer, range(first, first + 3)))
        yield api


def tell_all(api: WholeApi, condition: Condition, message: str = "") -> None:
    """Every task reports this."""
    told = [
        StatusUpdated(task.id, condition, instance.agent.id if instance.agent else None, None, api.now, message=message)
        for instance in list(api.world.instances.values())
        for task in instance.tasks
        if not task.condition.terminal
    ]
    api.happens(*told)


def request(api: WholeApi, method: str, path: str, **more: Any) -> httpx2.Response:
    """The answer, after checking what holds for every request."""
    before = api.state()
    answer = api(method, path, **more)
    asked = f"{method} {path[:300]}"
    if answer.status_code >= 500 and not (answer.status_code in _ABSENT and "::" in path):
        raise FaultError("answer", f"{answer.status_code} {answer.text[:300]} to {asked}")
    is_refused = answer.status_code >= 400
    if is_refused and method != "HEAD":
        _check_refusal(answer, asked)
    if (is_refused or method in ("GET", "HEAD")) and api.state() != before:
        raise FaultError("state", f"something changed, although the answer was {answer.status_code}, to {asked}")
    return answer


def _check_refusal(answer: httpx2.Response, asked: str) -> None:
    try:
        said = answer.json()["message"]
    except (ValueError, LookupError, TypeError):
        said = None
    if not said:
        raise FaultError("answer", f"{answer.status_code} without a message: {answer.text[:300]}, to {asked}")


def look_at_everything(api: WholeApi) -> None:
    """No record, however odd, breaks a list or a page."""
    pods = list(api.world.pods)
    paths = [
        *("/v2/pods", "/v2/pods/::status?embed=podexec", "/v2/queue?embed=lastUnusedOffers", "/v2/deployments"),
        *("/v2/groups?embed=group.pods", "/v2/groups/versions", "/v2/info", "/metrics", "/metrics/prometheus"),
    ]
    for pod_id in pods[:5]:
        path = "/v2/pods" + quote(pod_id)
        paths += [path, *(path + each for each in ("::status", "::versions", "::instances", "::history"))]
    for path in paths:
        answer = request(api, "GET", path)
        if answer.status_code != 200:
            raise FaultError("answer", f"{answer.status_code} {answer.text[:300]} to GET {path}")


def work_with(records: list[Record]) -> None:
    """What was read of a store can be shown, launched, ended and removed."""
    with whole(records) as api:
        look_at_everything(api)
        api.happens(*map(rich_offer, range(3)))
        tell_all(api, Condition.RUNNING)
        api.passes(3600)
        for pod_id in list(api.world.pods)[:2]:
            api("DELETE", f"/v2/pods{pod_id}?force=true")
        look_at_everything(api)


def restarted(records: Iterable[Record]) -> WholeApi:
    """A scheduler that finds these records in its store, as it wrote them there."""
    records = list(records)
    read = [decode(encode(record)) for record in records]
    for record, again in zip(records, read, strict=True):
        if record != again:
            raise FaultError(
                "store", f"a record is read otherwise than it was written: {json.dumps(str(record))[:500]}"
            )
    return whole(read)
