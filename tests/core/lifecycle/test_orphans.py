"""Running tasks that are on no record: noticed, adopted or killed by command, and never touched by themselves."""

from typing import Any

import pytest

from scheduler.core.effects import Accept, Done, Kill, Log, Reconcile, Refused, Shutdown
from scheduler.core.events import Disconnected, OrphanAdopted, OrphanKilled, Subscribed
from scheduler.core.facts.conditions import condition
from scheduler.core.frame import Frame
from scheduler.core.lifecycle import orphans
from scheduler.core.views.orphans import orphans_view
from scheduler.model.definition import PodDefinition
from scheduler.model.records import Abandoned, Condition, Goal
from tests.core.support import FRAMEWORK, Story, container, definition

C = Condition
UUID = "6b0d5a0f-1111-4222-8333-444455556666"
INSTANCE = f"shop_web.instance-{UUID}"
EXECUTOR = f"instance-shop_web.{UUID}"
TASK = f"{INSTANCE}.main.1"
ODD = (
    "x",
    ".",
    "a.b.c",
    ".instance-.",
    f"{INSTANCE}..1",
    f"{INSTANCE}.main.01",
    f"{INSTANCE}.main.-1",
    "☃" * 80,
    "[x]\x1b[31m",
)
TWO = (container("main"), container("side"))


def noticed(*task_ids: str, **fields: Any) -> Story:
    """A scheduler without pods that has heard of running tasks."""
    story = Story(**fields)
    story.subscribe()
    for each in task_ids or (TASK,):
        story.answer(each, C.RUNNING)
    return story


def adopt(story: Story, asked: PodDefinition, orphan_id: str = EXECUTOR) -> Any:
    """The answer to a user who adopts."""
    return story.reply(story.request(OrphanAdopted, orphan_id, asked))


def kill(story: Story, orphan_id: str = EXECUTOR) -> Frame:
    """A user kills."""
    return story.request(OrphanKilled, orphan_id)


def shown(story: Story) -> list[str]:
    """The ids of all orphans."""
    return [each["id"] for each in orphans_view(story.world, None)]


class TestNoticed:
    def test_tasks_of_one_executor_are_one_orphan(self) -> None:
        story = noticed(f"{INSTANCE}.main.3", f"{INSTANCE}.side.3")
        story.list_agents("A1")

        assert orphans_view(story.world, None) == [
            {
                "id": f"{EXECUTOR}.3",
                "podId": "/shop/web",
                "instanceId": INSTANCE,
                "agentId": "A1",
                "agentHostname": "a1.example",
                "since": "2023-11-14T22:13:20.000Z",
                "tasks": [
                    {"id": f"{INSTANCE}.{name}.3", "container": name, "condition": "Running"}
                    for name in ("main", "side")
                ],
            }
        ]

    def test_it_is_logged_once_and_nothing_is_done(self) -> None:
        story = noticed(TASK, TASK, TASK)
        story.wait(10_000)

        assert len([each for each in story.ever(Log) if "unknown task" in each.text]) == 1
        assert not [*story.ever(Kill), *story.ever(Shutdown)]

    @pytest.mark.parametrize("number", range(len(ODD)))
    def test_a_task_id_of_another_form_is_an_orphan_of_no_pod(self, number: int) -> None:
        story = noticed(ODD[number])
        (one,) = orphans_view(story.world, None)

        assert (one["id"], one["podId"], one["instanceId"]) == (ODD[number], None, None)
        assert not orphans_view(story.world, lambda _: True), "only those who see everything see it"

    def test_callers_see_those_of_the_pods_that_they_may_view(self) -> None:
        story = noticed()

        assert orphans_view(story.world, lambda pod_id: pod_id == "/shop/web")
        assert not orphans_view(story.world, lambda pod_id: pod_id == "/other")

    @pytest.mark.parametrize("end", [C.FAILED, C.KILLED, C.GONE, C.GONE_BY_OPERATOR, C.UNKNOWN])
    def test_one_that_ends_is_forgotten(self, end: Condition) -> None:
        story = noticed(f"{INSTANCE}.main.1", f"{INSTANCE}.side.1")
        story.answer(f"{INSTANCE}.main.1", end)
        assert shown(story) == [EXECUTOR]
        story.answer(f"{INSTANCE}.side.1", end)

        assert not shown(story)

    def test_an_unreachable_one_is_kept(self) -> None:
        story = noticed()
        story.answer(TASK, C.UNREACHABLE)

        assert orphans_view(story.world, None)[0]["tasks"][0]["condition"] == "Unreachable"

    def test_one_whose_end_was_missed_is_asked_for(self) -> None:
        story = noticed()
        frame = story.wait(700)

        assert Reconcile(((TASK, "A1"),)) in story.told(Reconcile, frame)

    def test_so_many_are_kept_and_no_more(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(orphans, "MOST_KEPT", 3)
        story = noticed(*(f"task {number}" for number in range(5)))

        assert shown(story) == ["task 0", "task 1", "task 2"]

    def test_an_end_of_an_unknown_task_makes_no_orphan(self) -> None:
        story = Story()
        story.subscribe()
        story.update(TASK, C.KILLED)

        assert not shown(story)


class TestKilled:
    def test_it_is_killed_until_it_has_ended(self) -> None:
        story = noticed()
        frame = kill(story)
        assert story.told(Kill, frame) == [Kill(TASK, "A1")]
        assert isinstance(story.reply(frame), Done)
        assert not shown(story)
        assert story.told(Kill, story.wait(10)) == [Kill(TASK, "A1")]
        story.update(TASK, C.KILLED)

        assert not story.told(Kill, story.wait(1000))
        assert not story.world.abandoned

    def test_a_restarted_scheduler_continues(self) -> None:
        story = noticed()
        kill(story)
        assert [each.id for each in story.stored.values() if isinstance(each, Abandoned)] == [EXECUTOR]
        story = story.restart()

        assert story.told(Kill, story.subscribe()) == [Kill(TASK, "A1")]

    @pytest.mark.parametrize("number", range(len(ODD)))
    def test_whatever_its_id(self, number: int) -> None:
        story = noticed(ODD[number])
        assert story.told(Kill, kill(story, ODD[number])) == [Kill(ODD[number], "A1")]
        story.restart().subscribe()

    def test_a_task_that_is_noticed_later_is_killed_with_the_others(self) -> None:
        story = noticed()
        kill(story)
        story.answer(f"{INSTANCE}.side.1", C.RUNNING)

        assert {each.task_id for each in story.told(Kill, kill(story))} == {TASK, f"{INSTANCE}.side.1"}

    def test_one_that_is_not_there(self) -> None:
        story = noticed()
        assert story.reply(kill(story, "x")) == Refused("absent", "Orphan 'x' does not exist")
        assert not story.ever(Kill)


class TestAdopted:
    def test_its_pod_is_created_and_it_runs_on(self) -> None:
        story = noticed()
        answer = adopt(story, definition())

        assert isinstance(answer, Done)
        assert answer.definition == story.world.current(story.pod)
        assert (story.only.id, story.only.executor_id, condition(story.only)) == (INSTANCE, EXECUTOR, C.RUNNING)
        assert story.only.config_version == story.pod.config_version
        assert not shown(story)
        story.wait(1000)
        assert not [*story.ever(Kill), *story.ever(Accept)]
        assert not story.world.deployments, "it is all that the pod wants"

    def test_missing_instances_are_launched(self) -> None:
        story = noticed()
        adopt(story, definition(instances=3))
        story.go_well(3)

        assert len(story.instances) == 3
        assert INSTANCE in story.world.instances
        assert not story.ever(Kill)

    def test_it_becomes_an_instance_of_a_pod_that_exists(self) -> None:
        story = noticed()
        story.post(definition(instances=0))
        answer = adopt(story, definition(instances=0))

        assert answer == Done("", story.world.current(story.pod))
        assert story.only.goal is Goal.DECOMMISSIONED, "the pod wants none"

    def test_another_incarnation_is_not_launched_under_ids_that_are_in_use(self) -> None:
        story = noticed()
        adopt(story, definition())
        story.update(TASK, C.FAILED)
        story.wait(2)
        story.go_well(3)

        assert story.only.incarnation > 1000

    def test_it_is_stored(self) -> None:
        story = noticed()
        adopt(story, definition())
        story = story.restart()
        story.subscribe()

        assert condition(story.only) is C.RUNNING
        assert not story.ever(Kill)

    @pytest.mark.parametrize(
        ("asked", "path"),
        [
            (definition(id="/shop/api"), "/id"),
            (definition(container("other")), "/containers"),
            (definition(*TWO), "/containers"),
            (
                definition(
                    container(volumeMounts=[{"name": "v", "mountPath": "v"}]),
                    volumes=[{"name": "v", "persistent": {"type": "root", "size": 10}}],
                    scheduling={"upgrade": {"maximumOverCapacity": 0}, "unreachableStrategy": "disabled"},
                ),
                "/volumes",
            ),
        ],
        ids=["another pod", "another container", "a container that does not run", "volumes"],
    )
    def test_what_does_not_fit_is_refused_and_changes_nothing(self, asked: PodDefinition, path: str) -> None:
        story = noticed(principal="ops")
        frame = story.request(OrphanAdopted, EXECUTOR, asked)

        answer = story.reply(frame)
        assert answer.kind == "invalid"
        assert [each for each, _ in answer.problems] == [path]
        assert frame.changes == ()
        assert shown(story) == [EXECUTOR]

    def test_one_that_is_ending_is_refused(self) -> None:
        story = noticed()
        story.answer(TASK, C.KILLING)
        assert adopt(story, definition()).kind == "invalid"

    @pytest.mark.parametrize("number", range(len(ODD)))
    def test_a_task_that_podexec_did_not_launch_is_refused(self, number: int) -> None:
        story = noticed(ODD[number])
        assert adopt(story, definition(), ODD[number]).kind == "invalid"
        assert not story.instances

    def test_another_definition_than_that_of_the_pod_is_refused(self) -> None:
        story = noticed()
        story.post(definition(instances=0))
        answer = adopt(story, definition(instances=1))

        assert (answer.kind, answer.deployments) == ("exists", ())
        assert not story.instances

    def test_one_that_is_not_there(self) -> None:
        assert adopt(noticed(), definition(), "x") == Refused("absent", "Orphan 'x' does not exist")

    def test_what_the_operator_limits_is_refused(self) -> None:
        story = noticed(max_running_deployments=1)
        story.post(definition(id="/other"))
        assert adopt(story, definition()).kind == "busy"
        assert shown(story) == [EXECUTOR]
        assert "/shop/web" not in story.world.pods

    def test_nothing_is_adopted_before_the_scheduler_knows_what_runs(self) -> None:
        story = noticed()
        story.post(definition(id="/other"))
        story = story.restart()
        story.tell(Subscribed(FRAMEWORK, "master:5050", "1.11.0"))
        story.answer(TASK, C.RUNNING)
        assert adopt(story, definition()).kind == "busy"

        story.tell(Disconnected())
        story.subscribe()
        assert isinstance(adopt(story, definition()), Done)
