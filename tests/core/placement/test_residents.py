"""Instances with persistent volumes: created, launched, found again and released, on agents with strict accounts."""

from collections.abc import Iterable
from typing import Any

import pytest

from scheduler.core.effects import Accept, Decline, Kill, Killed, Log, Reconcile, Refused, Revive, Suppress, as_json
from scheduler.core.events import Disconnected, InstancesKilled, OffersReceived, Ticked
from scheduler.core.frame import Frame
from scheduler.core.views.pod_status import pod_status
from scheduler.model.json import Json
from scheduler.model.records import Condition, Goal, Instance, Reservation
from tests.core.support import FRAMEWORK, Story, container, definition, offer, port_ranges, scalar
from tests.fakes.ledger import AgentLedger, RefusedError

C = Condition
TIMEOUT = 20.0  # task_reservation_timeout


def resident(*, instances: int = 1, volumes: Json | None = None, **fields: Any) -> Any:
    """A pod with a persistent volume, or with several by their names, as it is stored."""
    asked = volumes or {"data": {"size": 100}}
    mounts = [{"name": name, "mountPath": name} for name in asked]
    scheduling = {
        "upgrade": {"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0},
        "unreachableStrategy": "disabled",
    }
    return definition(
        container(volumeMounts=mounts, **fields.pop("main", {})),
        instances=instances,
        role=fields.pop("role", "db"),
        volumes=[{"name": name, "persistent": {"type": "root", **members}} for name, members in asked.items()],
        scheduling=scheduling | fields.pop("scheduling", {}),
        **fields,
    )


def plain(cpus: float = 4, mem: float = 4096, disk: float = 1000) -> list[Json]:
    """The unreserved resources of an agent."""
    everything = (scalar("cpus", cpus), scalar("mem", mem), scalar("disk", disk), port_ranges((31000, 31099)))
    return [{key: value for key, value in each.items() if key != "allocation_info"} for each in everything]


class Site(Story):
    """A story with agents that carry out operations and kills."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**{"principal": "ops", **fields})
        self.agents = {name: AgentLedger(name, plain()) for name in ("A1", "A2")}
        self._number = 0

    def offers(self, *names: str, lost: bool = False, role: str = "db", **extra: Any) -> Frame:
        """Agents offer all they have, and the answer arrives there, unless it is lost."""
        given = []
        for name in names or self.agents:
            self._number += 1
            given.append(offer(f"X{self._number}", name, resources=self.agents[name].offered(role), role=role, **extra))
        first = len(self.frames)
        self.tell(OffersReceived(tuple(given)))
        while self.world.volatile.offers:
            self.tell(Ticked())
        frame = self._together(first)
        agent_of = {each["id"]["value"]: each["agent_id"]["value"] for each in given}
        for accept in self.told(Accept, frame) if not lost else ():
            self._perform(self.agents[agent_of[accept.offer_id]], map(as_json, accept.operations))
        return frame

    def _perform(self, agent: AgentLedger, operations: Iterable[Json]) -> None:
        for operation in operations:
            try:
                agent.apply(operation)
            except RefusedError as error:
                for info in operation.get("launch_group", {}).get("task_group", {}).get("tasks", ()):
                    told: Json = {"reason": "REASON_TASK_GROUP_INVALID", "message": str(error)}
                    self.update(info["task_id"]["value"], C.ERROR, agent_id=agent.id, uuid=None, **told)

    def end(self, instance: Instance, how: Condition, *, exits: bool = True) -> None:
        """Every task of an instance ends; its executor exits, or does not yet."""
        assert instance.agent is not None
        agent = self.agents[instance.agent.id]
        for each in instance.tasks:
            agent.end(each.id)
            self.update(each.id, how, agent_id=agent.id)
        if exits:
            agent.end(instance.executor_id or "")

    def kill(self, instance: Instance, *, wipe: bool = False) -> Frame:
        """A user kills an instance, and it ends."""
        frame = self.request(InstancesKilled, instance.pod_id, (instance.id,), wipe)
        if instance.tasks:
            self.end(instance, C.KILLED)
        return frame

    def at_work(self, **fields: Any) -> Instance:
        """The one instance of a pod, running on its volumes."""
        self.subscribe()
        self.post(resident(**fields))
        self.offers("A1")
        self.all_tasks(C.RUNNING)
        return self.only

    def again(self) -> "Site":
        """A new process over the same store, subscribed, on the same agents."""
        other = Site(records=self.stored.values(), at=self.now)
        other.agents = self.agents
        other.subscribe()
        return other

    def notes(self, text: str) -> list[Log]:
        """The log messages that contain this."""
        return [each for each in self.ever(Log) if text in each.text]


def operations(frame: Frame) -> list[Json]:
    """All that a frame's ACCEPTs ask for."""
    return [as_json(each) for effect in frame.effects if isinstance(effect, Accept) for each in effect.operations]


def kinds(frame: Frame) -> list[str]:
    """What kinds of operations those are."""
    return [each["type"] for each in operations(frame)]


def kept(instance: Instance) -> Reservation:
    """The reservation, which must be there."""
    assert instance.reservation is not None
    return instance.reservation


class TestFirstLaunch:
    def test_one_accept_reserves_makes_and_launches_in_this_order(self) -> None:
        site = Site()
        site.subscribe()
        site.post(resident())
        frame = site.offers("A1")

        assert kinds(frame) == ["RESERVE", "CREATE", "LAUNCH_GROUP"]
        reserve, create, launch = operations(frame)
        instance = site.only
        reservation = {
            "type": "DYNAMIC",
            "role": "db",
            "principal": "ops",
            "labels": {
                "labels": [
                    {"key": "marathon_framework_id", "value": FRAMEWORK},
                    {"key": "marathon_task_id", "value": instance.id},
                ]
            },
        }
        common = {"allocation_info": {"role": "db"}, "reservations": [reservation]}

        def is_kept(name: str, value: float, **more: Json) -> Json:
            return {"name": name, "type": "SCALAR", "scalar": {"value": value}, **common, **more}

        (volume,) = kept(instance).volumes
        made = is_kept(
            "disk",
            100,
            disk={
                "persistence": {"id": volume.persistence_id, "principal": "ops"},
                "volume": {"container_path": "data", "mode": "RW"},
            },
        )
        executor = [is_kept("cpus", 0.1), is_kept("mem", 32), is_kept("disk", 10)]
        task = [is_kept("cpus", 0.1), is_kept("mem", 32)]
        assert reserve["reserve"]["resources"] == [*executor, *task, is_kept("disk", 100)]
        assert create["create"]["volumes"] == [made]
        assert launch["launch_group"]["executor"]["resources"] == [*executor, made]
        (info,) = launch["launch_group"]["task_group"]["tasks"]
        assert info["resources"] == task
        assert info["container"]["volumes"] == [
            {
                "container_path": "data",
                "mode": "RW",
                "source": {"type": "SANDBOX_PATH", "sandbox_path": {"type": "PARENT", "path": "data"}},
            }
        ]
        assert set(site.agents["A1"].volumes) == {volume.persistence_id}

    def test_what_it_asks_for_is_recorded_in_the_frame_that_asks(self) -> None:
        site = Site()
        site.subscribe()
        site.post(resident(id="/shop/db", volumes={"data": {"size": 1}, "logs": {"size": 2}}))
        frame = site.offers("A1")

        (recorded,) = [change.record for change in frame.changes if isinstance(change.record, Instance)]
        assert recorded == site.only
        reservation = kept(site.only)
        assert (reservation.agent.id, reservation.confirmed, reservation.since) == ("A1", False, site.now)
        names = [each.persistence_id.rpartition("#")[0] for each in reservation.volumes]
        assert names == ["shop_db#data", "shop_db#logs"]
        assert len({each.persistence_id for each in reservation.volumes}) == 2

    def test_host_ports_are_kept_with_the_rest(self) -> None:
        site = Site()
        ends = [{"name": "fixed", "hostPort": 31007}, {"name": "any", "hostPort": 0}]
        before = site.at_work(main={"endpoints": ends}).host_ports
        site.kill(site.only)
        site.offers("A1")

        assert dict(before)["fixed"] == 31007
        assert site.only.host_ports == before

    def test_instances_of_a_pod_share_an_offer_and_its_disks(self) -> None:
        site = Site()
        for agent in site.agents.values():
            agent.free.add({**scalar("disk", 250, disk={"source": {"type": "PATH", "path": {"root": "/p"}}})})
        site.subscribe()
        site.post(resident(instances=3, volumes={"data": {"size": 100, "type": "path"}}))
        site.offers("A1")

        assert len(site.agents["A1"].volumes) == 2
        assert [bool(each.tasks) for each in site.instances] == [True, True, False]

    def test_instances_are_spread_over_agents(self) -> None:
        site = Site()
        site.subscribe()
        site.post(resident(instances=4))
        site.offers()

        assert [len(agent.volumes) for agent in site.agents.values()] == [2, 2]

    def test_only_what_is_nobodys_is_reserved(self) -> None:
        """Also where the operator has pods use their role's resources."""
        site = Site()
        for name, amount in (("cpus", 8), ("mem", 8192), ("disk", 2000)):
            static = {"reservations": [{"type": "STATIC", "role": "db"}]}
            site.agents["A2"].free.add({**scalar(name, amount), **static})
        site.agents["A2"].free.take(plain(cpus=4)[0])
        site.subscribe()
        site.post(resident())
        frame = site.offers("A2")

        assert site.told(Decline, frame)
        attempt = site.world.queues.histories[next(iter(site.world.queues.waiting))]
        assert [each.reason for each in attempt.rounds[-1].refusals["A2"]] == ["InsufficientCpus"]

    def test_disks_are_checked_only_if_everything_else_fits_and_reported_if_they_do_not(self) -> None:
        site = Site()
        site.subscribe()
        site.post(resident(volumes={"data": {"type": "mount", "size": 5}}))
        site.offers("A1")

        attempt = site.world.queues.histories[next(iter(site.world.queues.waiting))]
        (refusal,) = attempt.rounds[-1].refusals["A1"]
        assert (refusal.reason, refusal.asked, refusal.offered) == ("InsufficientDisk", "volume data: mount of 5", "0")
        assert site.only.reservation is None

    def test_what_each_provider_has_is_reserved_on_its_own(self) -> None:
        """Mesos refuses an operation over resources of several."""
        site = Site()
        source = {"source": {"type": "MOUNT", "mount": {"root": "/m"}, "profile": "fast"}}
        site.agents["A1"].free.add({**scalar("disk", 50, disk=source), "provider_id": {"value": "csi"}})
        site.subscribe()
        site.post(resident(volumes={"data": {"size": 10}, "fast": {"type": "mount", "size": 5, "profileName": "fast"}}))
        frame = site.offers("A1")

        assert kinds(frame) == ["RESERVE", "RESERVE", "CREATE", "CREATE", "LAUNCH_GROUP"]
        for operation in operations(frame)[:4]:
            (members,) = operation[operation["type"].lower()].values()
            assert len({each.get("provider_id", {}).get("value") for each in members}) == 1

    def test_without_a_principal_a_pod_with_volumes_is_refused(self) -> None:
        site = Site(principal=None)
        site.subscribe()
        answer = site.reply(site.post(resident()))

        assert isinstance(answer, Refused)
        ((path, message),) = answer.problems
        assert path == "/volumes(0)/persistent"
        assert "--mesos-authentication-principal" in message
        assert site.instances == []


class TestNobodyElseUsesIt:
    def test_a_pod_without_volumes_is_not_launched_on_what_is_kept_for_another(self) -> None:
        site = Site()
        instance = site.at_work()
        site.put(resident(instances=0))
        site.end(instance, C.KILLED)
        site.agents["A1"].free.take(plain(3.8)[0])  # somebody else has what is everyone's
        site.post(definition(id="/other", role="db"))

        assert site.told(Accept, site.offers("A1")) == []

    def test_what_is_reserved_for_the_role_at_large_is_used(self) -> None:
        site = Site()
        agent = AgentLedger("A3", [])
        labels = {"labels": {"labels": [{"key": "team", "value": "a"}]}}
        for name, amount in (("cpus", 8), ("mem", 8192), ("disk", 2000)):
            agent.free.add(
                {
                    **scalar(name, amount),
                    "reservations": [{"type": "DYNAMIC", "role": "db", "principal": "x", **labels}],
                }
            )
        site.agents = {"A3": agent}
        site.subscribe()
        site.post(definition(id="/other", role="db"))

        assert kinds(site.offers()) == ["LAUNCH_GROUP"]


class TestAtHome:
    def test_it_is_launched_again_on_what_is_kept_for_it_and_nowhere_else(self) -> None:
        site = Site()
        before = site.at_work()
        site.agents["A1"].volumes[kept(before).volumes[0].persistence_id] = "precious"
        site.kill(before)
        elsewhere = site.offers("A2")

        assert site.told(Decline, elsewhere)
        attempt = site.world.queues.histories[next(iter(site.world.queues.waiting))]
        (refusal,) = attempt.rounds[-1].refusals["A2"]
        assert (refusal.reason, refusal.asked) == ("NoCorrespondingReservationFound", "data")

        frame = site.offers()
        after = site.only
        assert kinds(frame) == ["LAUNCH_GROUP"]
        assert (after.id, after.incarnation, after.agent) == (before.id, 2, before.agent)
        assert kept(after).volumes == kept(before).volumes
        (launch,) = operations(frame)
        assert launch["launch_group"]["executor"]["resources"][-1]["disk"]["persistence"]["id"] == (
            kept(before).volumes[0].persistence_id
        )
        assert list(site.agents["A1"].volumes.values()) == ["precious"]

    def test_it_waits_for_its_executor_to_have_exited(self) -> None:
        """Its containers ended, and what they used is offered; the volumes are still its executor's."""
        site = Site()
        before = site.at_work()
        site.request(InstancesKilled, before.pod_id, (before.id,))
        site.end(before, C.KILLED, exits=False)

        assert site.told(Accept, site.offers()) == []
        assert site.only.reservation == before.reservation
        site.agents["A1"].end(before.executor_id or "")
        assert kinds(site.offers()) == ["LAUNCH_GROUP"]

    def test_what_else_the_agent_has_does_not_matter(self) -> None:
        site = Site()
        site.kill(site.at_work())
        for each in site.agents["A1"].offered("*"):
            site.agents["A1"].free.take(each)  # all of it is somebody else's now

        assert kinds(site.offers()) == ["LAUNCH_GROUP"]

    def test_it_does_not_mind_gpus_where_its_volumes_are(self) -> None:
        site = Site()
        site.kill(site.at_work())
        site.agents["A1"].free.add(scalar("gpus", 1))

        assert kinds(site.offers("A1")) == ["LAUNCH_GROUP"]

    def test_it_is_not_in_its_own_way(self) -> None:
        """Of a constraint on where the others are."""
        site = Site()
        unique = {"placement": {"constraints": [{"fieldName": "hostname", "operator": "UNIQUE"}]}}
        site.kill(site.at_work(scheduling=unique))

        assert kinds(site.offers()) == ["LAUNCH_GROUP"]

    def test_constraints_count_stopped_instances_and_not_deleted_ones(self) -> None:
        site = Site()
        unique = {"placement": {"constraints": [{"fieldName": "hostname", "operator": "UNIQUE"}]}}
        first = site.at_work(scheduling=unique)
        site.put(resident(instances=0, scheduling=unique))
        site.end(first, C.KILLED)
        site.put(resident(instances=2, scheduling=unique))
        site.offers("A1")
        second = next(each for each in site.instances if each.id != first.id)
        assert second.tasks == (), "the first has its volume there"

        site.all_tasks(C.RUNNING)
        site.kill(site.world.instances[first.id], wipe=True)
        site.offers("A1")
        assert site.world.instances[second.id].tasks != ()

    def test_an_agent_under_maintenance_is_waited_for(self) -> None:
        site = Site()
        site.kill(site.at_work())
        window = {"start": {"nanoseconds": int(site.now * 1e9)}}

        assert site.told(Accept, site.offers("A1", unavailability=window)) == []
        attempt = site.world.queues.histories[next(iter(site.world.queues.waiting))]
        assert [each.reason for each in attempt.rounds[-1].refusals["A1"]] == ["AgentMaintenance"]

    def test_its_agent_may_come_back_under_another_id(self) -> None:
        """As after a start with the old work directory but without its agent id."""
        site = Site()
        before = site.at_work()
        site.kill(before)
        site.agents["A9"] = site.agents.pop("A1")
        site.agents["A9"].id = "A9"

        assert kinds(site.offers()) == ["LAUNCH_GROUP"]
        assert (site.only.id, kept(site.only).agent.id) == (before.id, "A9")

    def test_a_volume_that_is_not_its_own_is_no_home(self) -> None:
        site = Site()
        before = site.at_work()
        site.kill(before)
        (volume,) = kept(before).volumes
        for each in site.agents["A1"].free.resources():
            if "disk" in each:
                site.agents["A1"].free.take(each)
                each["disk"]["persistence"]["id"] = "another"
                site.agents["A1"].free.add(each)

        assert site.told(Accept, site.offers()) == []
        assert kept(site.only).volumes == (volume,)
        assert len(site.notes("not touching them")) == 1

    def test_the_same_in_a_new_process(self) -> None:
        site = Site()
        before = site.at_work()
        site.kill(before)
        later = site.again()

        assert kinds(later.offers()) == ["LAUNCH_GROUP"]
        assert kept(later.only).volumes == kept(before).volumes

    def test_each_of_several_goes_to_its_own(self) -> None:
        site = Site()
        site.subscribe()
        site.post(resident(instances=4))
        site.offers()
        site.all_tasks(C.RUNNING)
        before = {each.id: each for each in site.instances}
        for each in before.values():
            site.kill(each)
        site.offers()

        for each in site.instances:
            assert each.tasks != ()
            assert (each.agent, kept(each).volumes) == (before[each.id].agent, kept(before[each.id]).volumes)

    def test_pods_that_ask_for_the_same_each_find_their_own(self) -> None:
        """That an offer is of no use to one says nothing of the other."""
        site = Site()
        site.subscribe()
        for pod_id, agent in (("/shop/a", "A2"), ("/shop/b", "A1")):
            site.post(resident(id=pod_id))
            site.offers(agent)
        site.all_tasks(C.RUNNING)
        for each in site.instances:
            site.kill(each)

        assert kinds(site.offers("A1")) == ["LAUNCH_GROUP"]
        assert [bool(each.tasks) for each in site.instances] == [False, True]

    def test_volumes_that_were_seen_once_are_kept_even_if_they_are_not_offered(self) -> None:
        """Another framework of the role may be looking at them."""
        site = Site()
        site.subscribe()
        site.post(resident())
        site.offers("A1")
        site.end(site.only, C.FAILED)  # so that it waits for what nobody has seen yet
        site.wait(1)
        site.offers("A1")
        site.all_tasks(C.RUNNING)
        before = site.only
        site.kill(before)
        site.wait(10 * TIMEOUT)
        elsewhere, site.agents["A1"] = site.agents["A1"], AgentLedger("A1", plain())
        assert site.told(Accept, site.offers("A1")) == []
        site.agents["A1"] = elsewhere

        assert kinds(site.offers("A1")) == ["LAUNCH_GROUP"]
        assert kept(site.only).volumes == kept(before).volumes

    def test_one_with_volumes_is_launched_together_with_one_that_gets_new_ones(self) -> None:
        site = Site()
        before = site.at_work()
        site.put(resident(instances=2))
        site.kill(before)
        frame = site.offers("A1")

        assert kinds(frame) == ["LAUNCH_GROUP", "RESERVE", "CREATE", "LAUNCH_GROUP"]
        assert len(site.agents["A1"].volumes) == 2


class TestUnconfirmed:
    def test_a_container_that_begins_confirms_it(self) -> None:
        site = Site()
        site.subscribe()
        site.post(resident())
        site.offers("A1")
        site.all_tasks(C.STAGING)
        assert not kept(site.only).confirmed
        site.all_tasks(C.STARTING)

        assert kept(site.only).confirmed

    def test_an_offer_confirms_it(self) -> None:
        """An image that could not be pulled: the volumes are there, and used."""
        site = Site()
        site.subscribe()
        site.post(resident())
        site.offers("A1")
        volumes = kept(site.only).volumes
        site.end(site.only, C.FAILED)
        assert not kept(site.only).confirmed
        site.wait(1)

        assert kinds(site.offers()) == ["LAUNCH_GROUP"]
        assert kept(site.only).confirmed
        assert kept(site.only).volumes == volumes

    def test_a_reservation_that_never_arrived_is_tried_again_once_its_agent_offers_without_it(self) -> None:
        site = Site()
        site.subscribe()
        site.post(resident())
        site.offers("A1", lost=True)
        first = site.only
        site.subscribe()
        site.answer(first.tasks[0].id, C.GONE)
        assert site.told(Accept, site.offers()) == [], "it may just not be seen yet"
        frame = site.wait(TIMEOUT)
        assert site.told(Revive, frame)
        site.offers("A2")
        assert kept(site.only).volumes == kept(first).volumes, "another agent's offer says nothing"

        assert kinds(site.offers("A1")) == ["RESERVE", "CREATE", "LAUNCH_GROUP"]
        assert site.only.id == first.id
        assert kept(site.only).volumes != kept(first).volumes

    def test_a_reservation_without_its_volumes_is_released_and_tried_again(self) -> None:
        """The master created none, and its status was lost."""
        site = Site()
        site.agents["A1"].refuses = {"CREATE"}
        site.subscribe()
        site.post(resident())
        frame = site.offers("A1", lost=True)
        first = site.only
        site.agents["A1"].apply(operations(frame)[0])
        site.agents["A1"].refuses = set()
        site.subscribe()
        site.answer(first.tasks[0].id, C.GONE)
        assert site.told(Accept, site.offers("A1")) == []
        site.wait(TIMEOUT)

        assert kinds(site.offers("A1")) == ["UNRESERVE", "RESERVE", "CREATE", "LAUNCH_GROUP"]
        assert site.only.id == first.id
        assert set(site.agents["A1"].volumes) == {each.persistence_id for each in kept(site.only).volumes}

    def test_an_offer_to_another_role_says_nothing_of_it(self) -> None:
        site = Site()
        site.subscribe()
        site.post(resident())
        site.offers("A1", lost=True)
        site.answer(site.only.tasks[0].id, C.GONE)
        site.wait(TIMEOUT)
        site.offers("A1", role="*")

        assert site.only.reservation is not None

    def test_it_is_not_missed_while_its_executor_still_uses_it(self) -> None:
        site = Site()
        site.subscribe()
        site.post(resident())
        site.offers("A1")
        before = site.only
        site.end(before, C.FAILED, exits=False)
        site.wait(TIMEOUT + 1)
        site.offers("A1", executor_ids=[{"value": before.executor_id}])

        assert kept(site.only).volumes == kept(before).volumes

    def test_it_is_not_missed_while_no_offers_are_asked_for(self) -> None:
        """In its back-off, nor without a master; the time starts with the new subscription."""
        site = Site()
        site.subscribe()
        site.post(resident())
        site.offers("A1", lost=True)
        site.answer(site.only.tasks[0].id, C.GONE)
        site.wait(TIMEOUT - 1)
        site.subscribe()
        site.wait(2)
        site.offers("A1")
        assert site.only.reservation is not None
        site.wait(TIMEOUT)
        assert kinds(site.offers("A1")) == ["RESERVE", "CREATE", "LAUNCH_GROUP"]

    @pytest.mark.parametrize("refused", ["RESERVE", "CREATE"])
    def test_what_the_master_refuses_is_replaced_and_leaves_nothing_behind(self, refused: str) -> None:
        site = Site()
        site.agents["A1"].refuses = {refused}
        site.subscribe()
        site.post(resident())
        site.offers("A1")
        site.agents["A1"].refuses = set()
        first, second = site.instances
        assert (first.goal, second.goal) == (Goal.DECOMMISSIONED, Goal.RUNNING)
        assert "not in" in site.world.pods[first.pod_id].terminations[0].message
        (note,) = site.notes("Mesos refused")
        assert dict(note.fields)["principal"] == "ops"
        site.wait(1)
        frame = site.offers()
        assert kinds(frame)[:1] == (["UNRESERVE"] if refused == "CREATE" else ["RESERVE"])
        site.wait(TIMEOUT)
        site.offers()

        assert site.only.id == second.id
        kept_now = {owner for agent in site.agents.values() for owner in agent.kept()}
        assert kept_now == {second.id}


class TestGoneAgent:
    """An instance that waits has no task by which it would learn that an operator gave its agent up."""

    def asked(self, frame: Frame) -> list[tuple[str, str | None]]:
        """The tasks that are asked for one by one, with the agents on which they should be."""
        return [task for effect in frame.effects if isinstance(effect, Reconcile) for task in effect.tasks]

    def waiting(self) -> Site:
        """A site where the one instance waits for the agent of its volumes."""
        site = Site()
        instance = site.at_work()
        site.end(instance, C.FAILED)
        assert not site.only.tasks
        return site

    def test_a_waiting_instance_gets_new_volumes_elsewhere(self) -> None:
        site = self.waiting()
        frame = site.wait(1000)
        (task_id, agent_id) = self.asked(frame)[-1]
        assert agent_id == "A1"
        site.answer(task_id, C.GONE_BY_OPERATOR, agent_id="A1")
        assert site.only.reservation is None
        site.offers("A2")
        site.all_tasks(C.RUNNING, agent_id="A2")

        assert kept(site.only).agent.id == "A2"

    def test_it_is_asked_for_on_a_new_stream_too(self) -> None:
        site = self.waiting()
        site.tell(Disconnected())

        assert [agent for _, agent in self.asked(site.subscribe())] == ["A1"]

    def test_a_deleted_one_is_forgotten(self) -> None:
        site = self.waiting()
        instance = site.only
        site.remove(instance.pod_id)
        site.answer(f"{instance.id}.volumes.{instance.incarnation}", C.GONE_BY_OPERATOR, agent_id="A1")

        assert not site.instances

    @pytest.mark.parametrize("condition", [C.GONE, C.UNKNOWN, C.UNREACHABLE])
    def test_any_other_answer_says_nothing(self, condition: C) -> None:
        site = self.waiting()
        instance = site.only
        frame = site.answer(f"{instance.id}.volumes.{instance.incarnation}", condition, agent_id="A1")

        assert site.only == instance
        assert frame.changes == ()

    def test_nor_does_one_about_another_agent(self) -> None:
        site = self.waiting()
        instance = site.only
        site.answer(f"{instance.id}.volumes.{instance.incarnation}", C.GONE_BY_OPERATOR, agent_id="A2")

        assert site.only == instance

    def test_a_stopped_one_keeps_it_until_it_is_to_run_again(self) -> None:
        site = Site()
        instance = site.at_work()
        site.put(resident(instances=0))
        site.end(instance, C.KILLED)
        stopped = site.only
        site.answer(f"{instance.id}.volumes.{instance.incarnation}", C.GONE_BY_OPERATOR, agent_id="A1")
        assert site.only == stopped

        site.put(resident(instances=1))
        site.answer(f"{instance.id}.volumes.{instance.incarnation}", C.GONE_BY_OPERATOR, agent_id="A1")
        assert site.only.reservation is None


class TestGivingBack:
    def test_a_wiped_instance_is_given_back_and_another_starts_on_new_volumes(self) -> None:
        site = Site()
        before = site.at_work()
        answer = site.reply(site.kill(before, wipe=True))
        assert isinstance(answer, Killed)
        frame = site.offers("A1")

        assert kinds(frame) == ["DESTROY", "UNRESERVE", "RESERVE", "CREATE", "LAUNCH_GROUP"]
        assert site.agents["A1"].destroyed == [kept(before).volumes[0].persistence_id]
        (after,) = [each for each in site.instances if each.goal is Goal.RUNNING]
        assert after.id != before.id
        assert set(site.agents["A1"].kept()) == {after.id}

    def test_a_kill_without_wipe_gives_nothing_back(self) -> None:
        site = Site()
        site.kill(site.at_work())
        site.offers()

        assert site.agents["A1"].destroyed == []

    def test_a_removed_pod_is_forgotten_once_its_agent_offers_without_what_was_kept(self) -> None:
        site = Site()
        instance = site.at_work()
        frame = site.remove()
        assert site.told(Kill, frame)
        site.end(instance, C.KILLED)
        assert site.world.deployments == {}, "nobody waits for what only an offer can do"
        assert site.told(Accept, site.offers("A2")) == []
        frame = site.offers("A1")
        assert kinds(frame) == ["DESTROY", "UNRESERVE"]
        assert site.agents["A1"].kept() == {}
        assert site.instances != [], "it is not known whether that arrived"
        site.offers("A1")
        assert site.instances != [], "that offer may have been on its way before"
        assert site.told(Revive, site.wait(TIMEOUT))
        frame = site.offers("A1")

        assert site.instances == []
        assert site.told(Suppress, frame) or site.world.volatile.connection.wanting_offers == frozenset()
        assert site.world.volatile.doubts == {}

    def test_what_did_not_arrive_is_asked_for_again(self) -> None:
        site = Site()
        instance = site.at_work()
        site.remove()
        site.end(instance, C.KILLED)
        site.offers("A1", lost=True)
        assert site.told(Accept, site.offers("A1")) == [], "not at once: it may be on its way"
        site.wait(TIMEOUT)

        assert kinds(site.offers("A1")) == ["DESTROY", "UNRESERVE"]
        site.wait(TIMEOUT)
        site.offers("A1")
        assert site.instances == []

    def test_a_new_process_continues_with_it(self) -> None:
        site = Site()
        instance = site.at_work()
        site.remove()
        site.end(instance, C.KILLED)
        site.offers("A1", lost=True)
        later = site.again()
        assert kinds(later.offers("A1")) == ["DESTROY", "UNRESERVE"]
        last = later.again()
        last.offers("A1")
        assert last.instances != []
        last.wait(TIMEOUT)
        last.offers("A1")

        assert last.instances == []

    def test_what_an_operator_freed_by_hand_is_not_waited_for(self) -> None:
        site = Site()
        instance = site.at_work()
        site.remove()
        site.end(instance, C.KILLED)
        site.agents["A1"] = AgentLedger("A1", plain())
        site.wait(TIMEOUT)
        site.offers("A1")

        assert site.instances == []

    def test_an_offer_to_another_role_does_not_show_that_nothing_is_left(self) -> None:
        site = Site()
        instance = site.at_work()
        site.remove()
        site.end(instance, C.KILLED)
        site.wait(TIMEOUT)
        site.offers("A1", role="*")
        assert site.instances != []

        assert kinds(site.offers("A1")) == ["DESTROY", "UNRESERVE"]

    def test_an_instance_whose_executor_has_not_exited_is_not_forgotten(self) -> None:
        site = Site()
        instance = site.at_work()
        site.remove()
        site.end(instance, C.KILLED, exits=False)
        site.wait(TIMEOUT)
        site.offers("A1", executor_ids=[{"value": instance.executor_id}])
        assert site.instances != []
        site.agents["A1"].end(instance.executor_id or "")

        assert kinds(site.offers("A1")) == ["DESTROY", "UNRESERVE"]

    def test_an_unreachable_one_keeps_its_volumes_until_it_is_back(self) -> None:
        site = Site()
        instance = site.at_work()
        site.all_tasks(C.UNREACHABLE)
        site.remove()
        assert site.world.deployments == {}, "nobody waits for an agent that may never come back"
        site.wait(1000)
        site.offers("A2")
        assert site.world.instances[instance.id].goal is Goal.DECOMMISSIONED
        site.all_tasks(C.RUNNING)
        site.end(instance, C.KILLED)

        assert kinds(site.offers("A1")) == ["DESTROY", "UNRESERVE"]

    def test_a_wiped_instance_that_waits_is_given_back(self) -> None:
        site = Site()
        site.kill(site.at_work())
        site.kill(site.only, wipe=True)

        assert kinds(site.offers("A1"))[:2] == ["DESTROY", "UNRESERVE"]

    def test_a_wiped_instance_that_never_had_anything_is_just_gone(self) -> None:
        site = Site()
        site.subscribe()
        site.post(resident())
        first = site.only
        site.kill(first, wipe=True)

        assert site.only.id != first.id

    def test_nobody_is_shown_what_is_only_to_be_given_back(self) -> None:
        site = Site()
        site.kill(site.at_work(), wipe=True)

        assert pod_status(site.world, site.world.pods["/shop/web"], site.now).get("instances", []) == []


class TestStrangers:
    def test_a_reservation_for_an_unknown_instance_is_logged_once_and_not_touched(self) -> None:
        """A restored or lost store does not know what it once reserved."""
        site = Site()
        site.kill(site.at_work())
        other = Site()
        other.agents = site.agents
        other.subscribe()
        other.post(resident(id="/shop/other"))
        other.offers()
        other.kill(other.only)
        other.offers()

        (note,) = other.notes("not touching them")
        assert dict(note.fields)["instance_id"] == site.only.id
        assert site.only.id in other.agents["A1"].kept()
        assert other.agents["A1"].destroyed == []

    def test_what_another_framework_keeps_is_none_of_its_business(self) -> None:
        site = Site()
        site.kill(site.at_work())
        other = Site()
        other.agents = site.agents
        other.subscribe(framework_id="other")
        other.post(resident(id="/shop/other"))
        other.offers("A1")

        assert other.notes("not touching them") == []
        assert set(other.agents["A1"].kept()) == {site.only.id, other.only.id}

    def test_a_waiting_instance_takes_over_what_is_kept_for_it(self) -> None:
        """The store forgot it, or its agent was marked gone and returned."""
        site = Site()
        before = site.at_work()
        site.all_tasks(C.GONE_BY_OPERATOR)
        site.agents["A1"].end(before.tasks[0].id)
        site.agents["A1"].end(before.executor_id or "")
        assert site.only.reservation is None

        assert kinds(site.offers("A1")) == ["LAUNCH_GROUP"]
        assert kept(site.only).volumes == kept(before).volumes

    def test_one_that_takes_over_counts_for_the_constraints_of_the_others_at_once(self) -> None:
        constraints = {"placement": {"constraints": [{"fieldName": "hostname", "operator": "UNIQUE"}]}}
        site = Site()
        before = site.at_work(scheduling=constraints)
        site.all_tasks(C.GONE_BY_OPERATOR)
        site.agents["A1"].end(before.tasks[0].id)
        site.agents["A1"].end(before.executor_id or "")
        site.put(resident(instances=2, scheduling=constraints))

        assert kinds(site.offers("A1")) == ["LAUNCH_GROUP"]
        assert [bool(each.tasks) for each in site.instances] == [True, False]

    @pytest.mark.parametrize("there", [["other"], ["data", "data"], ["data", "other"]])
    def test_it_takes_over_nothing_but_one_volume_of_each_name(self, there: list[str]) -> None:
        site = Site()
        before = site.at_work()
        site.all_tasks(C.GONE_BY_OPERATOR)
        free = site.agents["A1"].free
        site.agents["A1"].end(before.tasks[0].id)
        site.agents["A1"].end(before.executor_id or "")
        (volume,) = (each for each in free.resources() if "persistence" in each.get("disk", {}))
        free.take(volume)
        for number, name in enumerate(there):
            disk = {
                **volume["disk"],
                "persistence": {**volume["disk"]["persistence"], "id": f"shop_web#{name}#{number}"},
                "volume": {**volume["disk"]["volume"], "container_path": name},
            }
            free.add({**volume, "disk": disk})

        assert kinds(site.offers("A1")) == ["RESERVE", "CREATE", "LAUNCH_GROUP"]


class TestGoals:
    def test_an_agent_marked_gone_by_an_operator_is_not_waited_for(self) -> None:
        site = Site()
        before = site.at_work()
        site.all_tasks(C.GONE_BY_OPERATOR)

        assert kinds(site.offers("A2")) == ["RESERVE", "CREATE", "LAUNCH_GROUP"]
        assert site.only.id == before.id
        assert kept(site.only).volumes != kept(before).volumes

    def test_nothing_is_to_be_given_back_of_such_an_agent(self) -> None:
        site = Site()
        site.at_work()
        site.remove()
        site.all_tasks(C.GONE_BY_OPERATOR)

        assert site.instances == []

    def test_gone_otherwise_waits_for_its_agent(self) -> None:
        site = Site()
        before = site.at_work()
        site.end(before, C.GONE)
        site.wait(1)

        assert site.told(Accept, site.offers("A2")) == []
        assert kinds(site.offers("A1")) == ["LAUNCH_GROUP"]

    def test_scaled_down_it_is_stopped_and_scaled_up_it_is_woken_where_it_was(self) -> None:
        site = Site()
        before = site.at_work()
        site.put(resident(instances=0))
        site.end(before, C.KILLED)
        stopped = site.only
        assert (stopped.goal, stopped.reservation) == (Goal.STOPPED, before.reservation)
        assert not site.world.volatile.connection.wanting_offers
        (status,) = pod_status(site.world, site.world.pods[before.pod_id], site.now)["instances"]
        assert (status["status"], status["agentId"]) == ("TERMINAL", "A1")
        assert status["localVolumes"][0]["persistenceId"] == kept(before).volumes[0].persistence_id
        site.put(resident(instances=1))

        assert site.told(Accept, site.offers("A2")) == []
        assert kinds(site.offers("A1")) == ["LAUNCH_GROUP"]
        assert site.only.id == before.id

    def test_one_that_has_yet_to_end_is_woken_too(self) -> None:
        """Scaled down and up again in haste: no other instance starts on empty volumes meanwhile."""
        site = Site()
        before = site.at_work()
        site.put(resident(instances=0))
        site.put(resident(instances=1))
        assert [each.id for each in site.instances] == [before.id]
        site.end(site.only, C.KILLED)

        assert kinds(site.offers()) == ["LAUNCH_GROUP"]
        assert kept(site.only).volumes == kept(before).volumes

    def test_an_unreachable_one_is_woken_before_another_starts_on_empty_volumes(self) -> None:
        site = Site()
        before = site.at_work()
        site.all_tasks(C.UNREACHABLE)
        site.put(resident(instances=0))
        site.put(resident(instances=1))

        assert [each.id for each in site.instances] == [before.id]
        site.all_tasks(C.RUNNING)
        site.end(site.only, C.KILLED)
        assert kinds(site.offers()) == ["LAUNCH_GROUP"]

    def test_a_stopped_instance_can_be_wiped(self) -> None:
        site = Site()
        before = site.at_work()
        site.put(resident(instances=0))
        site.end(before, C.KILLED)
        site.request(InstancesKilled, before.pod_id, (before.id,), True)

        assert kinds(site.offers("A1")) == ["DESTROY", "UNRESERVE"]

    def test_a_removed_pod_gives_back_what_its_stopped_instances_have(self) -> None:
        site = Site()
        before = site.at_work()
        site.put(resident(instances=0))
        site.end(before, C.KILLED)
        site.remove()
        site.offers("A1")

        assert site.agents["A1"].kept() == {}

    def test_an_update_restarts_in_place(self) -> None:
        site = Site()
        before = site.at_work()
        frame = site.put(resident(environment={"A": "b"}))
        assert site.told(Kill, frame)
        site.end(before, C.KILLED)
        frame = site.offers()

        assert kinds(frame) == ["LAUNCH_GROUP"]
        after = site.only
        assert (after.id, after.incarnation, after.version) == (before.id, 2, site.world.pods[before.pod_id].version)
        assert kept(after).volumes == kept(before).volumes
        site.all_tasks(C.RUNNING)
        assert site.world.deployments == {}

    def test_scaled_down_during_an_update_the_outdated_ones_are_stopped_not_updated(self) -> None:
        site = Site()
        site.subscribe()
        site.post(resident(instances=4))
        site.offers()
        site.all_tasks(C.RUNNING)
        site.put(resident(instances=4, environment={"A": "b"}))
        for each in [each for each in site.instances if each.killing]:
            site.end(each, C.KILLED)
        site.offers()
        outdated = [each for each in site.instances if each.config_version != site.pod.config_version]
        assert len(outdated) == 2
        site.put(resident(instances=2, environment={"A": "b"}))

        assert [site.world.instances[each.id].goal for each in outdated] == [Goal.STOPPED] * 2

    def test_an_update_that_moves_resources_within_the_pod_still_fits(self) -> None:
        site = Site()
        before = site.at_work(main={"resources": {"cpus": 0.3, "mem": 64}})
        site.put(resident(main={"resources": {"cpus": 0.2, "mem": 32}}, executorResources={"cpus": 0.2, "mem": 64}))
        site.end(before, C.KILLED)

        assert kinds(site.offers()) == ["LAUNCH_GROUP"]

    def test_one_that_waits_is_updated_without_a_restart_and_asks_for_offers_again(self) -> None:
        site = Site()
        before = site.at_work()
        site.kill(before)
        site.post(definition(id="/shop/db", role="db"))
        changed = resident(environment={"A": "b"}, dependencies=["/shop/db"])
        site.put(changed)
        site.offers("A2")
        site.wait(10)
        frame = site.update(site.instances[1].tasks[0].id, C.RUNNING, agent_id="A2")

        updated = site.world.instances[before.id]
        assert (updated.version, updated.killing) == (site.world.pods[before.pod_id].version, False)
        assert [each.roles for each in site.told(Revive, frame)] == [("db",)]

    def test_an_unreachable_instance_is_waited_for(self) -> None:
        site = Site()
        before = site.at_work()
        site.all_tasks(C.UNREACHABLE)
        site.wait(10_000)
        site.offers()
        assert site.only.id == before.id
        assert len(site.agents["A1"].volumes) + len(site.agents["A2"].volumes) == 1


def test_the_status_tells_of_the_volumes() -> None:
    site = Site()
    instance = site.at_work(id="/shop/db")
    (status,) = pod_status(site.world, site.world.pods["/shop/db"], site.now)["instances"]

    (volume,) = kept(instance).volumes
    assert status["localVolumes"] == [
        {
            "runSpecId": "/shop/db",
            "containerPath": "data",
            "uuid": volume.persistence_id.removeprefix("shop_db#data#"),
            "persistenceId": volume.persistence_id,
        }
    ]


def test_what_is_kept_for_an_instance_counts_as_its_resources_also_while_it_waits() -> None:
    site = Site()
    site.at_work()
    site.put(resident(instances=0))
    site.end(site.only, C.KILLED)
    (status,) = pod_status(site.world, site.world.pods["/shop/web"], site.now)["instances"]

    assert status["resources"] == {"cpus": 0.2, "mem": 64, "disk": 10, "gpus": 0}
