"""The isolators that a definition needs: which fields need which isolator."""

from typing import Any

import pytest

from scheduler.core.offer.isolators import needs, problems
from scheduler.model.definition import PodDefinition
from scheduler.model.json import Json
from tests.core.support import container, definition

IMAGE: Json = {"kind": "DOCKER", "id": "nginx"}


def mounting(path: str, **volume: Any) -> PodDefinition:
    """A pod with a volume."""
    asked = container(volumeMounts=[{"name": "v", "mountPath": path}])
    return definition(asked, volumes=[{"name": "v", **volume}], secrets={"pw": {"source": "x"}})


def agents(*isolators: str) -> list[frozenset[str]]:
    """Agents with these isolators, separated by blanks."""
    return [frozenset(each.split()) for each in isolators]


def can_run(agent: frozenset[str], asked: PodDefinition) -> bool:
    """Whether an agent has one of each set that is needed."""
    return all(any_of & agent for any_of in needs(asked))


@pytest.mark.parametrize(
    ("path", "asked", "isolators"),
    [
        ("/containers(0)/image", definition(container(image=IMAGE)), ["docker/runtime"]),
        ("/volumes(0)/host", mounting("/x", host="/etc"), ["filesystem/linux", "volume/host_path"]),
        ("/volumes(0)/secret", mounting("x", secret="pw"), ["volume/secret"]),
        ("/volumes(0)", mounting("x"), ["volume/sandbox_path", "filesystem/linux"]),
        ("/volumes(0)", mounting("x", persistent={"size": 1}), ["volume/sandbox_path", "filesystem/linux"]),
        ("/networks(0)/mode", definition(networks=[{"mode": "container", "name": "n"}]), ["network/cni"]),
        ("/networks(0)/mode", definition(networks=[{"mode": "container/bridge"}]), ["network/cni"]),
        ("/containers(0)/resources/gpus", definition(container(resources={"gpus": 1})), ["gpu/nvidia"]),
        (
            "/containers(0)/resourceLimits/cpus",
            definition(container(resourceLimits={"cpus": 2})),
            ["cgroups/cpu", "cgroups/all"],
        ),
        (
            "/containers(0)/resourceLimits/mem",
            definition(container(resourceLimits={"mem": "unlimited"})),
            ["cgroups/mem", "cgroups/all"],
        ),
        (
            "/containers(0)/linuxInfo/ipcInfo",
            definition(container(linuxInfo={"ipcInfo": {"mode": "PRIVATE"}})),
            ["namespaces/ipc"],
        ),
        ("/linuxInfo/ipcInfo", definition(linuxInfo={"ipcInfo": {"mode": "PRIVATE"}}), ["namespaces/ipc"]),
        (
            "/containers(0)/linuxInfo/seccomp",
            definition(container(linuxInfo={"seccomp": {"profileName": "p"}})),
            ["linux/seccomp"],
        ),
    ],
)
def test_needs(path: str, asked: PodDefinition, isolators: list[str]) -> None:
    without = agents("posix/cpu")

    assert not can_run(without[0], asked)
    assert [at for at, _ in problems(without, asked)] == [path]
    for isolator in isolators:
        having = agents("posix/cpu", isolator)
        assert can_run(having[1], asked)
        assert not can_run(having[0], asked)
        assert problems(having, asked) == ()


def test_a_volume_at_an_absolute_path_needs_a_mount_namespace() -> None:
    asked = mounting("/data")
    posix = agents("volume/sandbox_path")

    assert [at for at, _ in problems(posix, asked)] == ["/containers(0)/volumeMounts(0)/mountPath"]
    assert can_run(agents("filesystem/linux")[0], asked)


@pytest.mark.parametrize(
    "asked",
    [
        definition(),
        definition(networks=[{"mode": "host"}]),
        definition(container(linuxInfo={"ipcInfo": {"mode": "SHARE_PARENT"}})),
        definition(container(linuxInfo={"seccomp": {"unconfined": True}})),
        definition(container(resourceLimits={}, tty=True)),
        definition(container(environment={"A": {"secret": "pw"}}), secrets={"pw": {"source": "x"}}),
        definition(legacySharedCgroups=True),
    ],
)
def test_what_every_agent_can_do(asked: PodDefinition) -> None:
    """Sharing namespaces is what happens without an isolator; secrets in the environment Mesos always delivers."""
    assert problems(agents("posix/cpu"), asked) == ()


def test_needs_that_no_agent_meets_together_keep_a_pod_waiting_but_are_no_problem_of_the_definition() -> None:
    asked = definition(container(image=IMAGE), networks=[{"mode": "container", "name": "n"}])
    apart = agents("docker/runtime", "network/cni")

    assert problems(apart, asked) == ()
    assert not any(can_run(each, asked) for each in apart)


def test_the_message_names_what_is_missing() -> None:
    ((_, message),) = problems(agents(""), definition(container(resourceLimits={"cpus": 1})))

    assert message == (
        "no agent of this cluster supports this: a limit on cpus needs the isolator cgroups/all or cgroups/cpu"
    )
