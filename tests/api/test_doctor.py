"""``/v2/doctor``: each check, as it should be and as it should not be."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from scheduler.api.doctor.failures import of_failures
from scheduler.core.events import (
    AgentDescribed,
    Disconnected,
    FrameworksListed,
    Namesake,
    PodPosted,
    StatusUpdated,
    Subscribed,
    Ticked,
)
from scheduler.loop.inside import InsideError, Why
from scheduler.loop.roles import Roles, RoleState
from scheduler.model.records import Condition
from tests.api.app import SERVER, Api
from tests.core.placement.test_residents import Site, resident
from tests.core.support import container, definition
from tests.fakes.loop import FakeLoop

IMAGE = definition(container(image={"kind": "DOCKER", "id": "nginx"}), id="/[web]")


class Found(NamedTuple):
    """The result of a check."""

    result: str
    message: str
    advice: str


def look(loop: FakeLoop, store: str = "memory:", roles: Roles | InsideError | None = None) -> dict[str, Found]:
    """The last result of each check, by its name. ``roles``: what the master answers about them."""
    return dict(results(loop, store, roles))


def results(
    loop: FakeLoop, store: str = "memory:", roles: Roles | InsideError | None = None
) -> list[tuple[str, Found]]:
    """All results."""

    async def ask_roles() -> Roles:
        if isinstance(roles, InsideError):
            raise roles
        return roles or {}

    server = replace(SERVER, config={"store": store, "executor": "auto"})
    api = Api(loop, server=server, ask_roles=None if roles is None else ask_roles)
    answer = api("GET", "/v2/doctor")
    assert answer.status_code == 200
    return [
        (each["check"], Found(each["result"], each["message"], each.get("advice", "")))
        for each in answer.json()["checks"]
    ]


def test_all_is_well() -> None:
    loop = FakeLoop()
    loop.happens(PodPosted(1, IMAGE))
    loop.run_all()
    loop.happens(AgentDescribed("A1", frozenset({"docker/runtime"})))
    found = look(loop)
    assert {each.result for each in found.values()} == {"ok"}, found
    assert set(found) == {"master", "framework", "roles", "isolators", "executor", "store"}
    assert "subscribed at 10.0.0.1:5050, Mesos 1.11.0" in found["master"].message
    assert "F-1" in found["framework"].message
    assert "on 1 agents" in found["executor"].message


def connected(loop: FakeLoop) -> None:
    loop.happens(Subscribed("F-1", "10.0.0.1:5050", "1.11.0"))


def lost(loop: FakeLoop) -> None:
    connected(loop)
    loop.happens(Disconnected())


def of_another_version(loop: FakeLoop) -> None:
    loop.happens(Subscribed("F-1", "10.0.0.1:5050", "1.4.2"))


def with_namesakes(loop: FakeLoop) -> None:
    connected(loop)
    loop.happens(FrameworksListed((Namesake("old\x1b", "podexec", connected=False),)))


def with_orphans(loop: FakeLoop) -> None:
    connected(loop)
    loop.happens(StatusUpdated("something else", Condition.RUNNING, "A1", None, loop.now))


def without_offers(loop: FakeLoop) -> None:
    connected(loop)
    loop.happens(PodPosted(1, definition()))


def without_isolators(loop: FakeLoop) -> None:
    loop.happens(PodPosted(1, IMAGE))
    connected(loop)
    loop.happens(AgentDescribed("A1", frozenset({"posix/cpu"})))


def with_failing_executors(loop: FakeLoop) -> None:
    loop.happens(PodPosted(1, definition()))
    loop.run_all()
    loop.tell(Condition.FAILED, "sh: /no/python: not found")


@pytest.mark.parametrize(
    ("happened", "check", "result", "message"),
    [
        (lambda _: None, "master", "failed", "no Mesos master"),
        (lambda _: None, "framework", "failed", "no framework id"),
        (lost, "master", "failed", "no Mesos master"),
        (of_another_version, "master", "warning", "Mesos 1.4.2"),
        (with_namesakes, "framework", "warning", "have running tasks: old"),
        (with_orphans, "orphans", "warning", "1 running tasks"),
        (without_offers, "roles", "warning", "no offers have come for *"),
        (without_isolators, "isolators", "failed", "/[web] /containers(0)/image: no agent of this cluster"),
        (with_failing_executors, "executor", "warning", "/no/python: not found"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)).strip("<>"),
)
def test_what_is_wrong_is_told_with_the_way_out(
    happened: Callable[[FakeLoop], None], check: str, result: str, message: str
) -> None:
    loop = FakeLoop()
    happened(loop)
    found = look(loop)[check]
    assert (found.result, message in found.message) == (result, True), found
    assert found.advice or check == "framework"


@pytest.mark.parametrize(("free", "result"), [(50 << 20, "failed"), (500 << 20, "warning"), (5 << 30, "ok")])
def test_the_space_of_the_store(free: int, result: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))
    found = look(FakeLoop(), f"sqlite:///{tmp_path}/state.db")["store"]
    assert (found.result, f"{free >> 20} MiB are free" in found.message) == (result, True)


def test_a_store_whose_folder_is_gone(tmp_path: Path) -> None:
    assert look(FakeLoop(), f"sqlite:///{tmp_path}/gone/state.db")["store"].result == "failed"


# ------------------------------------------------------------------------------ quota


def asking(loop: FakeLoop, cpus: float, instances: int, **more: Any) -> None:
    """A pod asks for this in each instance, and its executor for 0.1 cpus and 32 MiB."""
    wanted = definition(container(resources={"cpus": cpus, "mem": 32}), instances=instances, **more)
    connected(loop)
    loop.happens(PodPosted(1, wanted))


@pytest.mark.parametrize(
    ("state", "result", "message"),
    [
        (RoleState(1.0), "ok", "*: weight 1, no quota"),
        (RoleState(2.5, {"cpus": 10.0, "mem": 1000.0}), "ok", "*: weight 2.5, quota 10 cpus, 1000 mem"),
        (RoleState(1.0, {"cpus": 1.4}), "warning", "the quota of role * allows 1.4 cpus, but its pods ask for 1.5"),
        (RoleState(1.0, {"cpus": 1.5}, {"cpus": 1.0}), "ok", "quota 1.5 cpus"),
        (RoleState(1.0, {"mem": 192.0}, {"mem": 192.0}), "warning", "role * has reached its quota of 192 mem"),
        (RoleState(1.0, {"gpus": 0.0}, {"gpus": 0.0}), "ok", "quota 0 gpus"),
    ],
    ids=range(6),
)
def test_quota(state: RoleState, result: str, message: str) -> None:
    loop = FakeLoop()
    asking(loop, 0.4, 3)
    found = look(loop, roles={"*": state, "other": RoleState(1.0, {"cpus": 0.0})})["quota"]
    assert (found.result, message in found.message) == (result, True), found
    assert ("UPDATE_QUOTA" in found.advice) == (result == "warning")


def test_the_quota_of_a_role_counts_for_all_below_it() -> None:
    loop = FakeLoop()
    asking(loop, 1.9, 1, id="/dev/web", role="dev/web")
    found = look(loop, roles={"*": RoleState(1.0), "dev/web": RoleState(1.0), "dev": RoleState(1.0, {"cpus": 1.0})})
    assert "the quota of role dev allows 1 cpus, but its pods ask for 2" in found["quota"].message


def test_a_role_that_the_master_hides_and_a_master_that_refuses() -> None:
    loop = FakeLoop()
    asking(loop, 1, 1)
    hidden = look(loop, roles={"x": RoleState(1.0)})["quota"]
    refused = look(loop, roles=InsideError(Why.UNABLE, "the master refused /roles: [red]\x1b"))["quota"]
    assert "does not show the roles *" in hidden.message
    assert "refused /roles" in refused.message
    assert all(each.result == "warning" and "view_roles" in each.advice for each in (hidden, refused))
    assert "quota" not in look(FakeLoop(), roles={}), "without a master nothing is asked"


# --------------------------------------------------------------------- causes of failures


@pytest.mark.parametrize(
    ("condition", "message", "check", "advice"),
    [
        (Condition.ERROR, "Not authorized to launch as user 'root'", "acl", "run_tasks"),
        (Condition.FAILED, "Failed to fetch all URIs for container 'x'", "fetching", "--executor-base-url"),
        (Condition.FAILED, "status 127; sh: 1: exec: /no/python3.11: not found", "python", "--executor auto"),
        (Condition.FAILED, "bash: line 1: python3: command not found", "python", "--executor auto"),
    ],
    ids=["acl", "fetching", "dash", "bash"],
)
def test_known_causes_are_told_with_the_agents(condition: Condition, message: str, check: str, advice: str) -> None:
    loop = FakeLoop()
    loop.happens(PodPosted(1, definition(id="/web")))
    loop.run_all()
    loop.tell(condition, message)
    found = look(loop)[check]
    assert (found.result, advice in found.advice) == ("failed", True), found
    assert "(a1.example): /web ended with: " in found.message
    assert message in found.message


def test_a_refused_reservation_is_told() -> None:
    loop = FakeLoop()
    loop.happens(PodPosted(1, definition(id="/web")))
    loop.run_all()
    loop.tell(Condition.ERROR, "Task uses more resources than available")
    assert "acl" not in look(loop), "without a reservation it is something else"
    site = Site()
    site.subscribe()
    site.post(resident())
    site.offers("A1", lost=True)
    (task,) = site.only.tasks
    invalid = {"reason": "REASON_TASK_GROUP_INVALID", "message": "uses more resources than available"}
    site.update(task.id, Condition.ERROR, agent_id="A1", uuid=None, **invalid)
    (found,) = of_failures(site.world)
    assert (found.check, "reserve_resources" in found.advice) == ("acl", True)


@pytest.mark.parametrize("message", ["", "exited with status 127", "my-python-app: failed", "x" * 100_000, "\x1b[2J"])
def test_other_causes_are_not_guessed(message: str) -> None:
    loop = FakeLoop()
    loop.happens(PodPosted(1, definition(id="/web")))
    loop.run_all()
    loop.tell(Condition.FAILED, message)
    assert not {"acl", "fetching", "python"} & {check for check, _ in results(loop)}


def test_what_failed_once_and_runs_now_is_no_finding() -> None:
    loop = FakeLoop()
    loop.happens(PodPosted(1, definition(id="/web")))
    loop.run_all()
    loop.tell(Condition.FAILED, "python3: not found")
    assert "python" in look(loop)
    loop.now += 1000
    loop.happens(Ticked())
    loop.run_all()
    assert "python" not in look(loop)
