"""The pods of the workload: of unequal sizes, with dependencies, and with persistent volumes."""

from random import Random

from scheduler.model.definition import PodDefinition
from tests.core import support

RESIDENT = ("/r", "/g/s")
ALL = ("/a", "/b", "/g/c", "/g/d", "/g/h/e", "/shop/x.y", *RESIDENT)
NEEDS = {"/b": ["/a"], "/g/d": ["/g/c"], "/g/h/e": ["/a", "/g/c"]}  # no cycles
GROUPS = ("/g", "/g/h", "/shop", "/")
ROLES = {"/b": "web", "/r": "web"}
_BACKOFF = {"backoff": 1, "backoffFactor": 1.5, "maxLaunchDelay": 60}
_UNREACHABLE = (
    "disabled",
    {"inactiveAfterSeconds": 30, "expungeAfterSeconds": 200},
    {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0},
)


def some(random: Random, pod_id: str) -> PodDefinition:
    """A definition of a pod."""
    if pod_id in RESIDENT:
        return _resident(random, pod_id)
    upgrade = {
        "minimumHealthCapacity": random.choice((0, 0.5, 1)),
        "maximumOverCapacity": random.choice((0, 0.3, 1)),
    }
    return support.definition(
        *(_container(random, number) for number in range(random.choice((1, 1, 2)))),
        id=pod_id,
        role=ROLES.get(pod_id, "*"),
        instances=random.choice((0, 1, 2, 3, 5)),
        environment={"TEXT": f"{random.getrandbits(32)}"},
        dependencies=random.choice(([], NEEDS.get(pod_id, []))),
        scheduling={
            "backoff": _BACKOFF,
            "upgrade": upgrade,
            "unreachableStrategy": random.choice(_UNREACHABLE),
        },
    )


def scaled(random: Random, definition: PodDefinition) -> PodDefinition:
    """The same with another number of instances."""
    scaling = definition.scaling.model_copy(update={"instances": random.choice((0, 1, 2, 4))})
    return definition.model_copy(update={"scaling": scaling})


def _container(random: Random, number: int) -> dict[str, object]:
    sizes = {"cpus": random.choice((0.1, 0.3, 0.7)), "mem": random.choice((32, 64, 256))}
    return support.container(f"c{number}", resources=sizes)


def _resident(random: Random, pod_id: str) -> PodDefinition:
    disks = range(random.choice((1, 2)))
    return support.definition(
        support.container(
            volumeMounts=[{"name": f"v{number}", "mountPath": f"v{number}"} for number in disks],
            endpoints=[{"name": "e", "hostPort": 0}],
        ),
        id=pod_id,
        role=ROLES.get(pod_id, "*"),
        instances=random.choice((0, 1, 2)),
        environment={"TEXT": f"{random.getrandbits(32)}"},
        volumes=[{"name": f"v{number}", "persistent": {"type": "root", "size": 10}} for number in disks],
        scheduling={
            "backoff": _BACKOFF,
            "upgrade": {"minimumHealthCapacity": random.choice((0, 0.5, 1)), "maximumOverCapacity": 0},
            "unreachableStrategy": "disabled",
        },
    )
