"""Pods and containers of users other than root can use their own files and the shared ones."""

from typing import Any

import pytest

from tests.cluster import volumes
from tests.cluster.support import Json, Scheduler, both_executors, container, wait_for

# Each must be able to enter its sandbox, write in it and in the volume, and change the others' files there.
USE = """
set -e
cd "$MESOS_SANDBOX"
echo mine > file
echo "$(id -u)" > vol/$NAME
for other in $OTHERS; do
    until [ -s vol/$other ]; do sleep 0.1; done
    cat vol/$other
    until echo "changed by $NAME" >> vol/$other; do sleep 0.1; done
done
echo ALL-DONE
exec sleep 1000
"""
NETWORKS: list[Json] = [{"mode": "host"}, {"mode": "container"}]


def sharer(name: str, user: str | None, *others: str, **more: Any) -> Json:
    """A container that shares the volume with others."""
    fields: Json = {
        "environment": {"NAME": name, "OTHERS": " ".join(others)},
        "volumeMounts": [{"name": "v", "mountPath": "vol"}],
    }
    return container(name, USE, **fields, **({"user": user} if user else {}), **more)


def all_done(scheduler: Scheduler, status: Json) -> None:
    for each in status["instances"][0]["containers"]:
        scheduler.output(status, each["name"], "ALL-DONE")


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network["mode"])
def test_a_pod_runs_as_a_user_to_whom_nothing_belongs(scheduler: Scheduler, network: Json) -> None:
    status = scheduler.run(
        {
            "id": f"/users/one/{network['mode']}",
            "user": "nobody",
            "networks": [network],
            "volumes": [{"name": "v"}],
            "containers": [sharer("a", None, "b"), sharer("b", None, "a")],
        }
    )

    all_done(scheduler, status)
    executor = scheduler.sandbox(status, "a").parents[1]
    assert (executor.owner(), (executor / "stderr").owner(), (executor / "journal").owner()) == ("nobody",) * 3


@both_executors
def test_containers_of_unequal_users_share_a_volume(scheduler: Scheduler, executor_kind: str) -> None:
    """Containers with an image, and with users other than the pod's and the framework's."""
    image = {"kind": "DOCKER", "id": "busybox:1.35"}
    status = scheduler.run(
        {
            "id": f"/users/mixed/{executor_kind}",
            "user": "games",
            "volumes": [{"name": "v"}],
            "containers": [
                sharer("a", "nobody", "b", "c", "d"),
                sharer("b", "daemon", "a", "c", "d"),
                sharer("c", None, "a", "b", "d"),
                sharer("d", "www-data", "a", "b", "c", image=image),
            ],
        }
    )

    all_done(scheduler, status)
    assert "65534" in scheduler.output(status, "b", "ALL-DONE")
    sandbox = scheduler.sandbox(status, "a").parents[1]
    assert sandbox.stat().st_mode & 0o007 == 0, "nobody else of the machine gets in"
    assert (sandbox / "volumes/v").stat().st_mode & 0o002 == 0


def test_persistent_volumes_are_shared_by_users_over_launches(scheduler: Scheduler) -> None:
    pod = {
        "id": "/owners/db",
        "role": "owners",
        "volumes": [{"name": "v", "persistent": {"size": 16}}],
        "containers": [sharer("a", "nobody", "b"), sharer("b", "daemon", "a")],
    }
    try:
        status = scheduler.run(pod)
        all_done(scheduler, status)
        volumes.kill(scheduler, status["instances"][0])
        scheduler.wait("its end", lambda: scheduler.client.status(pod["id"]).get("terminationHistory"))
        again = scheduler.stable(pod["id"])
        all_done(scheduler, again)
        assert again["instances"][0]["containers"][0]["containerId"].endswith(".2")
    finally:
        volumes.remove(scheduler, "owners")


def test_artifacts_checks_secrets_and_commands_are_of_the_containers_user(scheduler: Scheduler) -> None:
    """Even if the executor has another user."""
    check = {
        "exec": {"command": {"shell": 'test "$(id -un)" = daemon && test -x "$MESOS_SANDBOX/bin/run"'}},
        "intervalSeconds": 2,
        "timeoutSeconds": 1,
        "gracePeriodSeconds": 10,
    }
    artifact = {"uri": "file:///bin/true", "executable": True, "destPath": "bin/run"}
    status = scheduler.run(
        {
            "id": "/users/artifact",
            "containers": [
                container(
                    "a",
                    'bin/run && cat key && echo FETCHED; trap "echo over > $MESOS_SANDBOX/stopped; exit" TERM; '
                    "while :; do sleep 0.1; done",
                    user="daemon",
                    artifacts=[artifact],
                    healthCheck=check,
                    volumeMounts=[{"name": "key", "mountPath": "key"}],
                ),
                container("b", "exec sleep 1000"),
            ],
            "secrets": {"token": {"source": "fully-qualified/path"}},
            "volumes": [{"name": "key", "secret": "token"}],
        }
    )

    assert "a token" in scheduler.output(status, "a", "FETCHED")
    wait_for(
        "the check passes",
        lambda: [
            each
            for each in scheduler.client.status("/users/artifact")["instances"][0]["containers"]
            if any(condition["value"] for condition in each.get("conditions", ()))
        ],
    )


def test_a_user_whom_agents_lack_is_named(scheduler: Scheduler) -> None:
    for pod_id, user in (("/users/unknown", "no-such-user"), ("/users/number", "12345")):
        scheduler.client.add({"id": pod_id, "user": user, "containers": [container("a", "exec sleep 1000")]})
        scheduler.wait(
            f"the status of {pod_id} names {user}",
            lambda pod_id=pod_id, user=user: [
                each
                for each in scheduler.client.status(pod_id).get("terminationHistory", ())
                if f"'{user}'" in str(each)
            ],
        )
