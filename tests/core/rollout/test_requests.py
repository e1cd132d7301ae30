"""Users' requests about pods, and rolling updates."""

import re
from typing import Any

import pytest

from scheduler.core.effects import Accept, Done, Kill, Refused, Reply, Revive
from scheduler.core.events import AgentDescribed, DeploymentCancelled, PodPut, PodRestarted, Rollout
from scheduler.core.facts.conditions import condition
from scheduler.core.facts.roster import Bucket
from scheduler.core.frame import Delete, Put
from scheduler.model.definition import PodDefinition, Scaling
from scheduler.model.records import Condition, Deed, Goal
from tests.core.support import NOON, Story, container, definition, groups, running

C = Condition
NEW: dict[str, Any] = {"environment": {"VERSION": "2"}}


class TestCreate:
    def test_a_new_pod_gets_a_version_and_its_instances(self) -> None:
        story = Story()
        frame = story.post(definition(instances=3, version="the user's own is not kept"))
        answer = story.reply(frame)

        assert isinstance(answer, Done)
        assert answer.definition is not None
        assert answer.definition.version == "2023-11-14T22:13:20.000Z"
        assert [each.goal for each in story.instances] == [Goal.RUNNING] * 3
        assert len({each.id for each in story.instances}) == 3
        assert all(re.fullmatch(r"shop_web\.instance-[0-9a-f-]{36}", each.id) for each in story.instances)
        kinds = [type(change.record).__name__ for change in frame.changes if isinstance(change, Put)]
        assert kinds == ["PodDefinition", "Pod", "Deployment", "Instance", "Instance", "Instance"]

    def test_the_reply_carries_the_number_of_its_request(self) -> None:
        story = Story()
        story.post(definition())
        (reply,) = story.told(Reply, story.post(definition(id="/b")))

        assert reply.request == 2

    def test_an_id_that_is_taken_is_refused_and_changes_nothing(self) -> None:
        story = running()
        frame = story.post(definition(instances=5))

        assert story.reply(frame) == Refused(
            "exists", "An app/pod with this id already exists: /shop/web. Update it with PUT."
        )
        assert frame.changes == ()

    def test_a_put_creates_what_is_not_there(self) -> None:
        story = Story()

        assert isinstance(story.reply(story.put(definition())), Done)
        assert len(story.instances) == 1

    def test_a_pod_of_no_instances_is_there_and_runs_nothing(self) -> None:
        story = Story()
        story.post(definition(instances=0))

        assert (list(story.world.pods), story.instances) == (["/shop/web"], [])

    def test_a_pod_may_be_created_before_the_first_subscription(self) -> None:
        story = Story()
        assert not story.told(Revive, story.post(definition()))
        assert story.told(Revive, story.subscribe())

    @pytest.mark.parametrize("ask", [Story.post, Story.put])
    def test_what_no_agent_can_do_is_refused_and_changes_nothing(self, ask: Any) -> None:
        story = Story()
        story.tell(AgentDescribed("A1", frozenset({"posix/cpu"})))
        frame = ask(
            story,
            definition(
                container(
                    image={"kind": "DOCKER", "id": "nginx"}, volumeMounts=[{"name": "etc", "mountPath": "/etc/x"}]
                ),
                volumes=[{"name": "etc", "host": "/etc"}],
                networks=[{"mode": "container", "name": "n"}],
            ),
        )
        answer = story.reply(frame)

        assert isinstance(answer, Refused)
        assert answer.kind == "invalid"
        assert [path for path, _ in answer.problems] == [
            "/volumes(0)/host",
            "/containers(0)/image",
            "/networks(0)/mode",
        ]
        assert all("no agent of this cluster" in message for _, message in answer.problems)
        assert frame.changes == ()

    def test_fewer_instances_are_not_refused_even_if_no_agent_can_run_them_any_longer(self) -> None:
        private: dict[str, Any] = {"linuxInfo": {"ipcInfo": {"mode": "PRIVATE"}}}
        story = running(instances=3, **private)
        story.tell(AgentDescribed("A1", frozenset({"posix/cpu"})))
        asked = definition(instances=2, **private)

        more = story.reply(story.put(asked.model_copy(update={"scaling": Scaling(instances=4)})))
        other = story.reply(story.put(asked.model_copy(update={"user": "nobody"})))
        assert [each.kind for each in (more, other) if isinstance(each, Refused)] == ["invalid"] * 2
        assert isinstance(story.reply(story.put(asked)), Done)

    def test_one_able_agent_is_enough(self) -> None:
        story = Story()
        story.tell(AgentDescribed("A1", frozenset({"posix/cpu"})))
        story.tell(AgentDescribed("A2", frozenset({"docker/runtime"})))

        assert isinstance(story.reply(story.post(definition(container(image={"kind": "DOCKER", "id": "x"})))), Done)


class TestVersions:
    def test_they_are_the_time_in_milliseconds(self) -> None:
        story = Story(at=NOON + 0.25)
        story.post(definition())

        assert story.world.pods["/shop/web"].version == "2023-11-14T22:13:20.250Z"

    def test_they_grow_also_within_a_millisecond_and_when_the_clock_is_set_back(self) -> None:
        story = running()
        seen = [story.world.pods["/shop/web"].version]
        for number, jump in enumerate((0, 0, -5000)):
            story.now += jump
            story.put(definition(instances=number + 2))
            seen.append(story.world.pods["/shop/web"].version)

        assert seen == sorted(set(seen))
        assert len(seen) == 4

    def test_the_oldest_are_dropped_but_those_in_use(self) -> None:
        story = running()
        used = story.only.version
        for number in range(story.settings.versions_kept + 5):
            story.put(definition(executorResources={"cpus": 0.1 + number + 1}))
        kept = story.world.versions("/shop/web")

        assert len(kept) == story.settings.versions_kept + 1
        assert kept[0] == used
        assert kept[-1] == story.world.pods["/shop/web"].version
        stored = [record.version for record in story.stored.values() if isinstance(record, PodDefinition)]
        assert sorted(map(str, stored)) == kept

    def test_every_accepted_change_is_kept_and_no_other(self) -> None:
        story = running()
        first = story.pod.version
        story.put(definition(instances=3))
        story.put(definition(instances=3, **NEW))
        changed = story.world.versions("/shop/web")
        story.post(definition())
        story.put(definition(instances=3, **NEW))
        story.put(definition(dependencies=["/nobody"]))
        story.request(PodPut, definition(), Rollout())
        assert story.world.versions("/shop/web") == changed

        assert len(changed) == 3
        assert story.world.definition("/shop/web", first).scaling.instances == 1
        assert story.world.definition("/shop/web", changed[1]).environment == {}
        assert story.world.current(story.pod).environment == NEW["environment"]

    def test_the_one_a_deployment_may_return_to_is_kept(self) -> None:
        story = running(settings={"versions_kept": 1})
        first = story.pod.version
        story.put(definition(**NEW))
        story.offer("A2")
        story.all_tasks(C.KILLED, [each for each in story.instances if each.version == first])
        assert story.world.versions("/shop/web") == [first, story.pod.version]
        story.go_well()

        assert story.world.versions("/shop/web") == [story.pod.version]

    def test_a_removed_pods_are_kept_until_nothing_of_it_is_left(self) -> None:
        story = running()
        story.put(definition(**NEW))
        story.go_well()
        kept = story.pod.version
        story.remove()
        assert story.world.versions("/shop/web")[-1] == kept
        story.go_well()

        assert story.world.versions("/shop/web") == []
        assert not any(isinstance(each, PodDefinition) for each in story.stored.values())

    @pytest.mark.parametrize("all_has_ended", [True, False])
    def test_one_that_is_created_again_has_a_new_history_but_for_what_is_still_in_use(
        self, all_has_ended: bool
    ) -> None:
        story = running()
        story.put(definition(**NEW))
        story.go_well()
        story.remove()
        if all_has_ended:
            story.go_well()
        used = [each.version for each in story.instances]
        story.post(definition())

        assert story.world.versions("/shop/web") == [*used, story.pod.version]
        assert len(used) == (0 if all_has_ended else 1)


class TestChange:
    def test_the_same_definition_again_changes_nothing(self) -> None:
        story = running(instances=2)
        before = story.world.pods["/shop/web"]
        story.wait(5)
        frame = story.put(definition(instances=2))
        answer = story.reply(frame)

        assert isinstance(answer, Done)
        assert answer.definition == story.world.current(before)
        assert frame.changes == ()
        assert not story.told(Kill, frame)

    @pytest.mark.parametrize(
        "change",
        [
            {"executorResources": {"cpus": 0.5}},
            {"scheduling": {"killSelection": "OLDEST_FIRST"}},
            {"scheduling": {"unreachableStrategy": "disabled"}},
            {"legacySharedCgroups": True},
            {"instances": 4},
        ],
    )
    def test_changes_that_restart_nothing_apply_to_what_is_launched_later(self, change: dict[str, Any]) -> None:
        story = running(instances=2)
        before = {each.id for each in story.instances}
        story.wait(1)
        frame = story.put(definition(**{"instances": 2, **change}))
        pod = story.world.pods["/shop/web"]

        assert not story.told(Kill, frame)
        assert before <= {each.id for each in story.instances}
        assert pod.version > pod.config_version
        assert len(story.world.versions("/shop/web")) == 2
        story.all_tasks(C.FAILED, story.instances[:1])
        story.wait(1)
        story.offer("A2")
        assert story.instances[0].version == pod.version

    @pytest.mark.parametrize(
        "change",
        [
            NEW,
            {"labels": {"a": "b"}},
            {"user": "nobody"},
            {"containers": [container(resources={"cpus": 0.2, "mem": 32})]},
            {"networks": [{"mode": "host"}]},
            {"scheduling": {"backoff": {"backoff": 7}}},
            {"scheduling": {"upgrade": {"maximumOverCapacity": 0.5}}},
            {"scheduling": {"placement": {"acceptedResourceRoles": ["*"]}}},
            {"scheduling": {"placement": {"constraints": [{"fieldName": "hostname", "operator": "UNIQUE"}]}}},
            {"linuxInfo": {"ipcInfo": {"mode": "SHARE_PARENT"}}},
            {"portEnvironment": True},
            {"role": "shop"},
        ],
    )
    def test_any_other_change_replaces_the_instances(self, change: dict[str, Any]) -> None:
        story = running()
        before = story.only
        story.put(definition(**change))
        pod = story.world.pods["/shop/web"]

        assert pod.config_version == pod.version
        assert [each.version for each in story.instances if each.id != before.id] == [pod.version]

    def test_a_change_asks_for_offers_again_as_what_was_refused_may_fit_now(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition(executorResources={"cpus": 100}))
        story.offer()
        story.wait(60)

        assert story.told(Revive, story.put(definition(executorResources={"cpus": 0.1})))


class TestResident:
    """The reservations in Mesos for a pod with persistent volumes."""

    def test_an_update_that_asks_for_another_reservation_is_refused_and_changes_nothing(self) -> None:
        fields: dict[str, Any] = {"scheduling": {"upgrade": {"maximumOverCapacity": 0}}, "role": "dev"}
        story = Story(principal="ops")
        story.post(definition(volumes=[{"name": "v", "persistent": {"size": 10}}], **fields))
        frame = story.put(definition(volumes=[{"name": "v", "persistent": {"size": 20}}], **fields))
        answer = story.reply(frame)

        assert isinstance(answer, Refused)
        assert [path for path, _ in answer.problems] == ["/pod(0)"]
        assert frame.changes == ()


class TestScaling:
    def test_up(self) -> None:
        story = running(instances=2)
        story.put(definition(instances=5))
        assert len(groups(story.offer())) == 3

        assert len(story.instances) == 5

    @pytest.mark.parametrize(("selection", "left"), [("YOUNGEST_FIRST", [0, 1]), ("OLDEST_FIRST", [2, 3])])
    def test_down_by_kill_selection(self, selection: str, left: list[int]) -> None:
        scheduling: dict[str, Any] = {"killSelection": selection}
        story = running(instances=1, scheduling=scheduling)
        for wanted in (2, 3, 4):
            story.wait(1)
            story.put(definition(instances=wanted, scheduling=scheduling))
            story.offer()
            story.all_tasks(C.RUNNING)
        by_age = [each.id for each in story.instances]
        frame = story.put(definition(instances=2, scheduling=scheduling))

        assert len(story.told(Kill, frame)) == 2
        wanted_still = [each.id for each in story.instances if each.goal is Goal.RUNNING]
        assert wanted_still == [by_age[index] for index in left]

    def test_down_first_ends_those_that_do_least(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition(instances=5, scheduling={"unreachableStrategy": "disabled"}))
        story.offer(cpus=0.8)
        for each, state in zip(story.instances, (C.RUNNING, C.UNREACHABLE, C.STARTING, C.STAGING), strict=False):
            story.update(each.tasks[0].id, state)
        order = []
        for wanted in (4, 3, 2, 1):
            before = {each.id: condition(each) for each in story.instances if each.goal is Goal.RUNNING}
            story.put(definition(instances=wanted, scheduling={"unreachableStrategy": "disabled"}))
            after = {each.id for each in story.instances if each.goal is Goal.RUNNING}
            order += [before[gone] for gone in before.keys() - after]

        assert order == [C.SCHEDULED, C.UNREACHABLE, C.STAGING, C.STARTING]

    def test_to_nothing_and_back(self) -> None:
        story = running(instances=3)
        story.put(definition(instances=0))
        assert all(each.goal is Goal.DECOMMISSIONED for each in story.instances)
        story.put(definition(instances=2))

        assert len(groups(story.offer())) == 2, "those that are ending do not hold up a scaling"


class TestRestart:
    def test_it_replaces_every_instance_and_changes_nothing_but_the_version(self) -> None:
        story = running(instances=3)
        before, old = story.world.current(story.pod), {each.id for each in story.instances}
        answer = story.reply(story.request(PodRestarted, "/shop/web", Rollout(batch_size=1)))

        assert isinstance(answer, Done)
        assert answer.definition == before.model_copy(update={"version": story.pod.version})
        assert story.pod.version == story.pod.config_version > str(before.version)
        assert [each.deed for each in story.pod.history] == [Deed.CREATED, Deed.RESTARTED]
        ready = []
        while story.world.deployments:
            story.go_well(1)
            ready.append(story.world.roster("/shop/web").everyone(Bucket.READY))
        assert min(ready) >= 3
        assert old.isdisjoint(each.id for each in story.instances)

    def test_what_the_pod_runs_is_not_judged_again(self) -> None:
        private: dict[str, Any] = {"linuxInfo": {"ipcInfo": {"mode": "PRIVATE"}}}
        story = running(**private)
        story.tell(AgentDescribed("A1", frozenset({"posix/cpu"})))

        assert isinstance(story.reply(story.request(PodRestarted, "/shop/web")), Done)

    def test_another_deployment_is_in_the_way_unless_forced(self) -> None:
        story = running()
        story.put(definition(**NEW))
        refused = story.request(PodRestarted, "/shop/web")

        assert [story.reply(refused).kind, refused.changes] == ["locked", ()]
        assert isinstance(story.reply(story.request(PodRestarted, "/shop/web", Rollout(force=True))), Done)
        assert story.reply(story.request(PodRestarted, "/shop/none")).kind == "absent"

    def test_a_rollback_restores_the_version(self) -> None:
        story = running()
        before = story.pod
        story.request(PodRestarted, "/shop/web")
        story.request(DeploymentCancelled, story.deployment.id)

        assert (story.pod.version, story.pod.config_version) == (before.version, before.config_version)

    def test_a_pod_without_instances_has_a_new_version_at_once(self) -> None:
        story = Story()
        story.post(definition(instances=0))
        before = story.pod.version
        story.request(PodRestarted, "/shop/web")

        assert story.pod.version > before
        assert not story.world.deployments


class TestDelete:
    def test_the_pod_is_forgotten_at_once_and_its_instances_are_ended(self) -> None:
        story = running(instances=2)
        story.put(definition(instances=3))
        frame = story.remove()

        assert isinstance(story.reply(frame), Done)
        assert len(story.told(Kill, frame)) == 2
        assert story.world.pods == {}
        deleted = [change.kind for change in frame.changes if isinstance(change, Delete)]
        assert sorted(kind.__name__ for kind in deleted) == ["Deployment", "Instance", "Pod"]
        story.all_tasks(C.KILLED)
        assert (story.world.instances, story.world.definitions, story.world.deployments) == ({}, {}, {})
        assert len(story.stored) == 1, "only the framework is left"

    def test_one_that_is_not_there(self) -> None:
        story = Story()
        frame = story.remove("/nobody")

        assert story.reply(frame) == Refused("absent", "Pod '/nobody' does not exist")
        assert frame.changes == ()

    def test_while_it_is_launching(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition())
        story.offer()
        (task,) = story.only.tasks
        assert story.told(Kill, story.remove()) == [Kill(task.id, "A1")]
        story.update(task.id, C.STAGING)
        story.update(task.id, C.RUNNING)
        assert story.told(Kill, story.wait(10)) == [Kill(task.id, "A1")]
        story.update(task.id, C.KILLED)

        assert story.world.instances == {}

    def test_a_launch_that_never_arrived_is_abandoned(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition())
        story.offer()
        story.remove()
        story.answer(story.only.tasks[0].id, C.UNKNOWN)
        story.wait(75)

        assert story.world.instances == {}

    def test_created_again_while_old_instances_end(self) -> None:
        story = running(instances=2)
        old = [each.id for each in story.instances]
        story.remove()
        assert isinstance(story.reply(story.post(definition(instances=2), force=True)), Done)
        assert len(groups(story.offer("A2"))) == 2
        story.all_tasks(C.RUNNING, [each for each in story.instances if each.id not in old])
        story.all_tasks(C.KILLED, [each for each in story.instances if each.id in old])

        assert len(story.instances) == 2
        assert not {each.id for each in story.instances} & set(old)
        assert story.world.pods["/shop/web"].terminations == (), "a new history"


class TestUpdate:
    @pytest.mark.parametrize("wanted", [1, 2, 5])
    @pytest.mark.parametrize("minimum", [0, 0.5, 1])
    @pytest.mark.parametrize("over", [0, 0.5, 1])
    @pytest.mark.parametrize("checked", [False, True])
    def test_it_rolls_within_its_limits_to_the_end(
        self, wanted: int, minimum: float, over: float, checked: bool
    ) -> None:
        check: dict[str, Any] = {"healthCheck": {"exec": {"command": {"shell": "true"}}}} if checked else {}
        upgrade = {"upgrade": {"minimumHealthCapacity": minimum, "maximumOverCapacity": over}}
        asked: dict[str, Any] = {"instances": wanted, "containers": [container(**check)], "scheduling": upgrade}
        story = running(**asked)
        story.all_tasks(C.RUNNING, healthy=True)
        story.put(definition(**asked, **NEW))
        fewest = -(-int(wanted * minimum * 2) // 2)
        capacity = int(wanted * (1 + over))
        most = capacity + (fewest == capacity)
        for _ in range(20 * wanted):
            self.keeps_to(story, fewest, most)
            if not self.moves(story, checked):
                break
            story.wait(1)

        version = story.world.pods["/shop/web"].version
        assert [(each.version, condition(each)) for each in story.instances] == [(version, C.RUNNING)] * wanted

    @staticmethod
    def keeps_to(story: Story, fewest: int, most: int) -> None:
        """Neither fewer ready nor more instances than allowed."""
        serving = [each for each in story.instances if story.world.bucket(each.id) is Bucket.READY]
        assert fewest <= len([each for each in serving if each.goal is Goal.RUNNING])
        assert len(story.instances) <= most

    @staticmethod
    def moves(story: Story, checked: bool) -> bool:
        """Let one thing happen, the least helpful first; False when nothing is left to happen."""
        story.offer(f"A{story.now}", cpus=0.2)
        for each in story.instances:
            for task in each.tasks:
                if each.goal is Goal.DECOMMISSIONED:
                    return bool(story.update(task.id, C.KILLED))
                if task.condition is C.PROVISIONED:
                    return bool(story.update(task.id, C.RUNNING))
                if checked and task.healthy is None:
                    return bool(story.update(task.id, C.RUNNING, healthy=True))
        return bool(story.world.queues.waiting)

    def test_without_surplus_the_old_one_ends_before_the_new_one_starts(self) -> None:
        scheduling: dict[str, Any] = {"upgrade": {"minimumHealthCapacity": 0, "maximumOverCapacity": 0}}
        story = running(scheduling=scheduling)
        old = story.only
        story.put(definition(scheduling=scheduling, **NEW))
        assert [each.id for each in story.instances] == [old.id]
        assert not story.told(Accept, story.offer())
        story.all_tasks(C.KILLED)

        assert story.told(Accept, story.offer())
        assert story.only.id != old.id

    def test_an_unreachable_old_instance_does_not_delay_it(self) -> None:
        scheduling: dict[str, Any] = {"upgrade": {"minimumHealthCapacity": 0, "maximumOverCapacity": 0}}
        story = running(scheduling=scheduling)
        story.all_tasks(C.UNREACHABLE)
        story.put(definition(scheduling=scheduling, **NEW))

        assert len(groups(story.offer("A2"))) == 1

    def test_an_old_instance_that_dies_is_replaced_by_a_new_one(self) -> None:
        story = running(instances=2)
        story.put(definition(instances=2, **NEW))
        victim = story.instances[0]
        story.all_tasks(C.FAILED, [victim])

        assert victim.id not in story.world.instances
        assert len(story.instances) == 3

    def test_new_instances_that_never_become_ready_leave_the_old_ones_serving(self) -> None:
        story = running(instances=2)
        old = story.instances
        story.put(definition(instances=2, **NEW))
        for _ in range(5):
            story.offer("A2")
            story.all_tasks(C.FAILED, [each for each in story.instances if each not in old])
            story.wait(30)

        assert story.instances[:2] == old
        assert len(story.instances) == 4

    def test_another_update_while_one_rolls(self) -> None:
        story = running(instances=2)
        story.put(definition(instances=2, **NEW))
        story.offer("A2", cpus=0.3)
        story.put(definition(instances=2, environment={"VERSION": "3"}))
        for _ in range(10):
            story.offer("A3")
            story.all_tasks(C.RUNNING, [each for each in story.instances if each.goal is Goal.RUNNING])
            story.all_tasks(C.KILLED, [each for each in story.instances if each.goal is Goal.DECOMMISSIONED])

        version = story.world.pods["/shop/web"].version
        assert [(each.version, condition(each)) for each in story.instances] == [(version, C.RUNNING)] * 2

    def test_it_continues_after_a_restart_of_the_scheduler(self) -> None:
        story = running(instances=2)
        story.put(definition(instances=2, **NEW))
        story.offer("A2")
        story = story.restart()
        story.subscribe()
        fresh = [each for each in story.instances if each.version == story.world.pods["/shop/web"].version]
        story.all_tasks(C.RUNNING, fresh)

        assert {each.id for each in story.instances if each.goal is Goal.RUNNING} == {each.id for each in fresh}
        assert len(story.instances) == 4
