"""Offers are answered by launches and declines."""

from collections import Counter
from typing import Any

import pytest

from scheduler.core.due import Due
from scheduler.core.effects import Accept, Decline, Log, Publish, Revive, Suppress, as_json
from scheduler.core.events import AgentDescribed, Disconnected, OfferRescinded, OffersAsked, OffersReceived, Ticked
from scheduler.core.frame import Put
from scheduler.core.offer.demand import Demand
from scheduler.core.placement.offers import MOST_HELD
from scheduler.core.settings import PlacementPolicy
from scheduler.core.turn import LAUNCHES_PER_TURN
from scheduler.core.world import World
from scheduler.model.definition import PodDefinition
from scheduler.model.records import Agent, Condition, Instance
from tests.core.support import NOON, Story, container, definition, groups, offer, running, scalar


def waiting(*, instances: int = 1, **fields: Any) -> Story:
    """A subscribed framework with one pod that waits for offers."""
    story = Story()
    story.subscribe()
    story.post(definition(instances=instances, **fields))
    return story


def test_several_groups_go_out_in_one_accept_and_the_rest_is_declined() -> None:
    story = waiting(instances=3)
    frame = story.tell(OffersReceived((offer("O1", cpus=0.65), offer("O2", "A2", mem=10))))

    (accept,) = story.told(Accept, frame)
    assert accept.offer_id == "O1"
    assert [as_json(operation)["type"] for operation in accept.operations] == ["LAUNCH_GROUP"] * 3
    assert accept.refuse_seconds == 120
    assert story.told(Decline, frame) == [Decline(("O2",), 120)]


def test_a_launch_is_recorded_in_the_frame_that_sends_it() -> None:
    """It is durable before Mesos is called: a scheduler that dies in between finds it as Provisioned."""
    story = waiting(containers=[container("one"), container("two")])
    story.subscribe(region="north")
    frame = story.offer("A7", domain={"fault_domain": {"region": {"name": "north"}, "zone": {"name": "z1"}}})

    (recorded,) = [change.record for change in frame.changes if isinstance(change, Put)]
    (group,) = groups(frame)
    assert isinstance(recorded, Instance)
    assert recorded.agent == Agent("A7", "a7.example", "north", "z1")
    assert [task.condition for task in recorded.tasks] == [Condition.PROVISIONED] * 2
    assert [task.id for task in recorded.tasks] == [task["task_id"]["value"] for task in group["task_group"]["tasks"]]
    assert recorded.executor_id == group["executor"]["executor_id"]["value"]
    assert recorded.version == story.world.pods["/shop/web"].version


def test_what_was_taken_from_an_offer_is_not_given_twice() -> None:
    story = waiting(instances=5)

    assert len(groups(story.offer(cpus=0.4))) == 2


def test_instances_are_spread_over_agents() -> None:
    story = waiting(instances=6)
    story.tell(OffersReceived(tuple(offer(f"O{number}", f"A{number}") for number in range(3))))

    assert Counter(each.agent.id for each in story.instances if each.agent) == {"A0": 2, "A1": 2, "A2": 2}


def test_instances_already_placed_count_for_spreading() -> None:
    story = waiting(instances=2)
    story.offer("A1")
    story.put(definition(instances=4))
    story.tell(OffersReceived((offer("X", "A1"), offer("Y", "A2"))))

    assert Counter(each.agent.id for each in story.instances if each.agent) == {"A1": 2, "A2": 2}


def test_an_agent_that_is_full_leaves_its_share_to_the_others() -> None:
    story = waiting(instances=4)
    story.tell(OffersReceived((offer("X", "A1", cpus=0.2), offer("Y", "A2"))))

    assert Counter(each.agent.id for each in story.instances if each.agent) == {"A1": 1, "A2": 3}


def test_pods_share_an_offer() -> None:
    story = waiting()
    story.post(definition(id="/other"))
    frame = story.offer()

    assert len(story.told(Accept, frame)) == 1
    assert len(groups(frame)) == 2


def test_a_pod_that_does_not_fit_does_not_keep_another_from_launching() -> None:
    story = waiting(containers=[container(resources={"cpus": 100, "mem": 32})])
    story.post(definition(id="/small"))

    assert len(groups(story.offer())) == 1


def test_a_pod_in_back_off_is_not_launched() -> None:
    story = waiting(scheduling={"backoff": {"backoff": 10}})
    story.offer()
    story.all_tasks(Condition.FAILED)

    assert story.told(Decline, story.offer())
    story.wait(9.9)
    assert story.told(Decline, story.offer())
    story.wait(0.1)
    assert story.told(Accept, story.offer())


def test_an_agent_that_lacks_what_the_pod_needs_is_passed_over() -> None:
    story = waiting(containers=[container(image={"kind": "DOCKER", "id": "nginx"})])
    story.tell(AgentDescribed("A1", frozenset({"posix/cpu"})))
    story.tell(AgentDescribed("A2", frozenset({"docker/runtime", "filesystem/linux"})))
    frame = story.tell(OffersReceived((offer("X", "A1"), offer("Y", "A2"))))

    assert [accept.offer_id for accept in story.told(Accept, frame)] == ["Y"]


def test_an_agent_that_is_not_described_yet_is_trusted() -> None:
    story = waiting(containers=[container(image={"kind": "DOCKER", "id": "nginx"})])
    story.tell(AgentDescribed("A1", frozenset()))

    assert story.told(Accept, story.offer("A9"))


def test_every_offer_is_answered_once_also_when_nothing_is_wanted() -> None:
    story = Story()
    story.subscribe()
    frame = story.tell(OffersReceived((offer("X"), offer("Y", "A2"))))

    assert story.told(Decline, frame) == [Decline(("X", "Y"), 120)]
    assert not story.told(Accept, frame)


def test_an_offer_without_resources_is_declined() -> None:
    story = waiting()

    assert story.told(Decline, story.offer(resources=[]))
    assert story.told(Decline, story.offer(resources=[scalar("cpus", 8)]))


def test_a_rescinded_offer_changes_nothing() -> None:
    story = waiting()
    frame = story.tell(OfferRescinded("O1"))

    assert (frame.changes, frame.effects) == ((), ())


def test_a_launch_is_logged_with_the_ids_that_explain_it() -> None:
    story = waiting()
    (note,) = story.told(Log, story.offer())

    assert {key for key, _ in note.fields} == {"pod_id", "instance_id", "agent_id", "offer_id"}


def resources_of(role: str, **more: Any) -> list[Any]:
    """Enough for a pod, of one role."""
    return [scalar("cpus", 4, role, **more), scalar("mem", 512, role, **more), scalar("disk", 50, role, **more)]


def reserved(role: str) -> list[Any]:
    """The same in the form for a framework with RESERVATION_REFINEMENT."""
    plain = resources_of(role)
    return [
        {**{key: value for key, value in each.items() if key != "role"}, "reservations": [{"role": role}]}
        for each in plain
    ]


def test_an_offer_is_used_only_for_pods_of_the_role_it_is_made_to() -> None:
    """Mesos refuses a launch on what is allocated to another role."""
    story = waiting(role="web")
    story.post(definition(id="/plain"))
    frame = story.tell(OffersReceived((offer("X", "A1"), offer("Y", "A2", role="web"), offer("Z", "A3", role="db"))))

    launched = {accept.offer_id: accept.operations for accept in story.told(Accept, frame)}
    assert {each.pod_id: each.agent.id for each in story.instances if each.agent} == {"/plain": "A1", "/shop/web": "A2"}
    assert {name: len(operations) for name, operations in launched.items()} == {"X": 1, "Y": 1}
    assert story.told(Decline, frame) == [Decline(("Z",), 120)]


def test_a_pod_takes_everyones_resources_and_its_roles() -> None:
    for resources in (resources_of("*"), resources_of("web"), reserved("web")):
        assert groups(waiting(role="web").offer(resources=resources, role="web"))
    for resources in (resources_of("db"), reserved("db")):
        assert not groups(waiting(role="web").offer(resources=resources, role="web"))


def test_accepted_roles_narrow_that_down() -> None:
    placement = {"placement": {"acceptedResourceRoles": ["web"]}}

    (group,) = groups(
        waiting(role="web", scheduling=placement).offer(
            resources=[*resources_of("*"), *resources_of("web")], role="web"
        )
    )
    every_role = {
        each["role"] for part in (group["executor"], *group["task_group"]["tasks"]) for each in part["resources"]
    }
    assert every_role == {"web"}
    assert not groups(waiting(role="web", scheduling=placement).offer(resources=resources_of("*"), role="web"))


def test_what_one_pod_may_not_use_is_left_for_another() -> None:
    story = waiting(role="web", scheduling={"placement": {"acceptedResourceRoles": ["web"]}})
    story.post(definition(id="/other", role="web", scheduling={"placement": {"acceptedResourceRoles": ["*"]}}))

    assert len(groups(story.offer(resources=[*resources_of("*"), *resources_of("web")], role="web"))) == 2


def test_an_instance_remembers_its_agents_attributes() -> None:
    story = waiting()
    story.offer(attributes=[{"name": "rack", "type": "TEXT", "text": {"value": "r1"}}])

    assert story.only.agent is not None
    assert story.only.agent.attributes == (("rack", "r1"),)


def on(story: Story, pod_id: str = "/shop/web") -> Counter[str]:
    """How many instances of a pod are on each agent."""
    return Counter(each.agent.id for each in story.world.instances_of(pod_id) if each.agent)


class TestTurns:
    """The launches per turn are limited; the offers are held for the next turn, which follows at once."""

    def test_a_turn_launches_a_limited_number_and_holds_the_rest(self) -> None:
        story = waiting(instances=250)
        room = {"cpus": 1000, "mem": 1_000_000, "disk": 1_000_000}
        frame = story.tell(OffersReceived(tuple(offer(f"O{number}", f"A{number}", **room) for number in range(20))))
        first = len(groups(frame))
        used = {accept.offer_id for accept in story.told(Accept, frame)}
        assert first == LAUNCHES_PER_TURN
        assert not story.told(Decline, frame), "what is left of them may be of use in the next turn"
        assert used.isdisjoint(story.world.volatile.offers)
        assert len(used) + len(story.world.volatile.offers) == 20
        assert story.world.next_deadline() == story.now
        rest = story.wait(0)

        assert first + len(groups(rest)) == 250
        assert story.world.volatile.offers == {}
        assert all(accept.offer_id not in used for accept in story.told(Accept, rest))

    def test_the_oldest_are_launched_first_and_in_later_turns_the_others_in_order(self) -> None:
        story = waiting(instances=2 * LAUNCHES_PER_TURN + 50)
        oldest_first = [each.id for each in story.instances]
        room = {"cpus": 1000, "mem": 1_000_000, "disk": 1_000_000}
        launched: list[str] = []
        frame = story.tell(OffersReceived(tuple(offer(f"O{number}", f"A{number}", **room) for number in range(9))))
        for left in (LAUNCHES_PER_TURN + 50, 50, 0):
            records = [change.record for change in frame.changes if isinstance(change, Put)]
            launched += [each.id for each in records if isinstance(each, Instance)]
            assert launched == oldest_first[: len(oldest_first) - left]
            frame = story.tell(Ticked())

    def test_what_is_asked_for_meanwhile_does_not_overtake_them(self) -> None:
        story = waiting(instances=3 * LAUNCHES_PER_TURN)
        room = {"cpus": 1000, "mem": 1_000_000, "disk": 1_000_000}
        story.tell(OffersReceived(tuple(offer(f"O{number}", f"A{number}", **room) for number in range(40))))
        story.post(definition(id="/later"))

        assert on(story).total() == 2 * LAUNCHES_PER_TURN
        assert on(story, "/later").total() == 0
        story.wait(0)
        story.wait(0)
        assert on(story, "/later").total() == 1

    def test_those_that_wait_for_a_later_turn_count_for_the_share_of_an_offer(self) -> None:
        story = waiting(instances=LAUNCHES_PER_TURN + 50)
        room = {"cpus": 1000, "mem": 1_000_000, "disk": 1_000_000}
        story.tell(OffersReceived((offer("X", "A1", **room), offer("Y", "A2", **room), offer("Z", "A3", **room))))

        assert on(story) == {"A1": 83, "A2": 83, "A3": 34}

    def test_a_held_offer_that_is_rescinded_is_not_used(self) -> None:
        story = waiting(instances=LAUNCHES_PER_TURN + 1)
        room = {"cpus": 1000, "mem": 1_000_000, "disk": 1_000_000}
        story.tell(
            OffersReceived(tuple(offer(f"O{number}", f"A{number}", **room) for number in range(2 * LAUNCHES_PER_TURN)))
        )
        held = list(story.world.volatile.offers)
        assert held
        for each in held:
            story.tell(OfferRescinded(each))
        rest = story.wait(0)

        assert not story.told(Accept, rest)
        assert not story.told(Decline, rest)

    def test_what_was_held_is_not_used_on_the_next_stream(self) -> None:
        story = waiting(instances=LAUNCHES_PER_TURN + 1)
        room = {"cpus": 1000, "mem": 1_000_000, "disk": 1_000_000}
        story.tell(
            OffersReceived(tuple(offer(f"O{number}", f"A{number}", **room) for number in range(2 * LAUNCHES_PER_TURN)))
        )
        assert story.world.volatile.offers
        story.tell(Disconnected())
        story.subscribe()

        assert not story.told(Accept, story.wait(0))

    def test_however_often_demand_grows_one_deadline_waits_for_the_rest(self) -> None:
        story = waiting(instances=LAUNCHES_PER_TURN * 10)
        room = {"cpus": 1000, "mem": 1_000_000, "disk": 1_000_000}
        story.tell(OffersReceived(tuple(offer(f"O{number}", f"A{number}", **room) for number in range(1500))))
        deadlines = []
        for number in range(4):
            story.post(definition(id=f"/more/{number}", instances=LAUNCHES_PER_TURN))
            story.tell(Ticked())
            deadlines.append(sum(due is Due.PLACE for _, _, due, _ in story.world.deadlines._heap))

        assert deadlines == [1] * 4

    def test_a_large_pod_does_not_keep_a_small_one_waiting(self) -> None:
        story = waiting(instances=LAUNCHES_PER_TURN * 3)
        story.post(definition(id="/small"))
        room = {"cpus": 10_000, "mem": 1_000_000, "disk": 1_000_000}
        story.tell(OffersReceived(tuple(offer(f"O{number}", f"A{number}", **room) for number in range(500))))
        assert on(story).total() == LAUNCHES_PER_TURN
        assert not on(story, "/small")
        story.tell(Ticked())

        assert on(story, "/small").total() == 1
        assert on(story).total() < LAUNCHES_PER_TURN * 2

    def test_what_is_left_of_an_offer_comes_back_at_once_while_something_waits(self) -> None:
        story = waiting(instances=3)
        (accept,) = story.told(Accept, story.offer(cpus=0.5))

        assert accept.refuse_seconds == 0
        (accept,) = story.told(Accept, story.offer("A2"))
        assert accept.refuse_seconds == 120

    def test_the_launches_on_one_offer_are_limited(self) -> None:
        story = Story(max_instances_per_offer=2)
        story.subscribe()
        story.post(definition(instances=5))
        frame = story.tell(OffersReceived((offer("X", "A1"), offer("Y", "A2"))))

        assert [len(accept.operations) for accept in story.told(Accept, frame)] == [2, 2]
        assert on(story) == {"A1": 2, "A2": 2}


class TestSpreading:
    def test_the_next_pod_begins_with_the_next_agent(self) -> None:
        story = Story()
        story.subscribe()
        for name in ("/a", "/b", "/c"):
            story.post(definition(id=name))
        story.tell(OffersReceived(tuple(offer(f"O{number}", f"A{number}") for number in range(3))))

        assert Counter(each.agent.id for each in story.instances if each.agent) == {"A0": 1, "A1": 1, "A2": 1}

    @pytest.mark.parametrize(("instances", "expected"), [(27, {3, 4}), (100, {14, 15}), (7, {1}), (8, {1, 2})])
    def test_many_instances_are_spread_evenly(self, instances: int, expected: set[int]) -> None:
        story = waiting(instances=instances)
        room = {"cpus": 1000, "mem": 1_000_000, "disk": 1_000_000}
        story.tell(OffersReceived(tuple(offer(f"O{number}", f"A{number}", **room) for number in range(7))))

        assert set(on(story).values()) == expected

    def test_packed_they_go_to_the_agent_with_least_left(self) -> None:
        story = Story(placement=PlacementPolicy.PACK)
        story.subscribe()
        story.post(definition(instances=3))
        offers = (offer("X", "A1", cpus=8), offer("Y", "A2", cpus=0.5), offer("Z", "A3", cpus=4))
        frame = story.tell(OffersReceived(offers))

        assert on(story) == {"A2": 2, "A3": 1}, "and on to the next when it is full"
        assert story.told(Decline, frame) == [Decline(("X",), 120)]


def test_constraints_are_judged_also_where_quantities_are_missing() -> None:
    constraints = [{"fieldName": "rack", "operator": "IS", "value": "r1"}]
    story = waiting(
        containers=[container(resources={"cpus": 100, "mem": 32})],
        scheduling={"placement": {"constraints": constraints}},
    )
    story.offer()
    (tried,) = next(iter(story.world.queues.histories.values())).rounds

    assert [each.reason for each in tried.refusals["A1"]] == ["UnfulfilledConstraint", "InsufficientCpus"]


# ------------------------------------------------------------------- offers of which more follow at once


def flood(story: Story, agents: int, turn: int, **fields: Any) -> list[str]:
    """Offers of many agents, some in each event; the agents that instances went to."""
    for first in range(0, agents, turn):
        last = min(first + turn, agents)
        batch = tuple(offer(f"O{number}", f"A{number}", **fields) for number in range(first, last))
        story.tell(OffersReceived(batch, more=agents - last))
    while story.world.volatile.offers:
        story.tell(Ticked())
    return [each.agent.id for each in story.instances if each.agent is not None]


@pytest.mark.parametrize("turn", [3, 10, 30])
def test_instances_are_spread_over_offers_that_are_yet_to_come(turn: int) -> None:
    used = Counter(flood(waiting(instances=90), 30, turn))

    assert len(used) == 30
    assert set(used.values()) == {3}


def test_instances_are_packed_on_the_offers_that_are_there() -> None:
    story = Story(placement=PlacementPolicy.PACK)
    story.subscribe()
    story.post(definition(instances=10))

    assert set(flood(story, 30, 10)) == {"A0"}


def test_a_flood_is_one_round_and_each_offer_is_tried_once() -> None:
    """Also where so much is launched that offers are held from turn to turn."""
    story = Story(max_instances_per_offer=1000)
    story.subscribe()
    story.post(definition(container(resources={"cpus": 100, "mem": 32}), id="/large"))
    story.post(definition(instances=3 * LAUNCHES_PER_TURN))
    flood(story, 30, 3, cpus=20)
    queue = next(each for each in story.world.queues.histories if each.startswith("/large"))
    attempt = story.world.queues.histories[queue]

    (tried,) = attempt.rounds
    assert (attempt.offers, len(tried.refusals)) == (30, 30)
    assert attempt.declined == {"InsufficientCpus": 30}


def test_what_an_instance_elsewhere_makes_possible_is_tried_again_on_offers_that_are_held() -> None:
    constraints = [{"fieldName": "rack", "operator": "GROUP_BY", "value": "2"}]
    story = waiting(instances=2, scheduling={"placement": {"constraints": constraints}})
    story.post(definition(id="/many", instances=3 * LAUNCHES_PER_TURN))

    def rack(name: str) -> list[dict[str, Any]]:
        return [{"name": "rack", "type": "TEXT", "text": {"value": name}}]

    story.tell(OffersReceived((offer("O1", "A1", attributes=rack("a")),), more=1))
    story.tell(OffersReceived((offer("O2", "A2", attributes=rack("b")),)))

    assert {each.agent.id for each in story.instances if each.pod_id == "/shop/web" and each.agent} == {"A1", "A2"}


def test_the_next_offers_are_tried_whatever_was_promised_on_the_last_connection() -> None:
    story = waiting(containers=[container(resources={"cpus": 100, "mem": 32})])
    story.tell(OffersReceived((offer("O1"),), more=5))
    story.tell(Disconnected())
    story.subscribe()
    story.tell(OffersReceived((offer("O2", cpus=200),)))

    assert story.only.tasks
    assert not story.world.volatile.match_progress.exhausted


def test_the_offers_of_the_next_connection_are_a_round_of_their_own() -> None:
    story = waiting(containers=[container(resources={"cpus": 100, "mem": 32})])
    story.tell(OffersReceived((offer("O1"),), more=5))
    story.tell(Disconnected())
    story.subscribe()
    story.tell(OffersReceived((offer("O2"),)))

    (history,) = story.world.queues.histories.values()
    assert [len(each.refusals) for each in history.rounds] == [1, 1]


# ------------------------------------------------------------------- offers that nothing uses are held for a while


def holding(agents: int = 3, **fields: Any) -> Story:
    """A subscribed framework that holds the offers of some agents, for a second."""
    story = Story(hold_offer_duration=1.0)
    story.subscribe()
    story.post(definition(id="/first"))
    story.tell(OffersReceived(tuple(offer(f"O{number}", f"A{number}", **fields) for number in range(agents))))
    story.all_tasks(Condition.RUNNING)
    return story


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pods whose demand was compared with offers, in this order."""
    found: list[str] = []
    known = World.demand

    def demand(world: World, of: PodDefinition) -> Demand:
        found.append(of.id)
        return known(world, of)

    monkeypatch.setattr(World, "demand", demand)
    return found


class TestHolding:
    def test_what_is_asked_for_meanwhile_is_launched_at_once(self) -> None:
        story = holding()
        frame = story.post(definition())

        (accept,) = story.told(Accept, frame)
        assert accept.offer_id in {"O1", "O2"}
        assert on(story).total() == 1
        changes = [each.content["condition"] for each in story.told(Publish) if each.kind == "instance_changed_event"]
        assert changes == ["Scheduled", "Provisioned"]
        assert not story.told(Revive, frame)
        assert not story.told(Suppress, frame)

    def test_each_is_declined_when_its_time_is_over(self) -> None:
        story = holding()
        story.wait(0.6)
        story.tell(OffersReceived((offer("X", "A9"),)))

        assert not story.told(Decline, story.wait(0.3))
        assert story.told(Decline, story.wait(0.2)) == [Decline(("O1", "O2"), 120)]
        assert story.told(Decline, story.wait(0.6)) == [Decline(("X",), 120)]
        assert not story.told(Accept, story.post(definition()))

    def test_there_is_one_deadline_however_often_they_are_tried(self) -> None:
        story = holding(9)
        before = len(story.world.deadlines)
        for name in ("/a", "/b", "/c"):
            story.post(definition(container(resources={"cpus": 100, "mem": 32}), id=name))
        assert len(story.world.deadlines) - before <= 1, "that of the next REVIVE"
        story.wait(1.5)
        assert not story.world.volatile.match_progress.decline_waits

    def test_one_that_is_rescinded_is_neither_used_nor_declined(self) -> None:
        story = holding(2)
        story.tell(OfferRescinded("O1"))

        assert not story.told(Accept, story.post(definition()))
        assert not story.told(Decline, story.wait(2))

    def test_none_is_used_after_the_connection_is_lost(self) -> None:
        story = holding()
        story.tell(Disconnected())

        assert not story.told(Accept, story.post(definition()))
        assert not story.told(Decline, story.wait(2))
        story.subscribe()
        assert not story.told(Accept, story.wait(2))

    def test_what_fits_none_of_them_asks_for_others_and_is_not_tried_again(self) -> None:
        story = holding()
        large = container(resources={"cpus": 100, "mem": 32})
        first = story.post(definition(large))
        assert story.told(Revive, first)
        story.post(definition(large, id="/other"))
        story.post(definition(id="/small"))

        histories = story.world.queues.histories
        tried, other = (histories[queue] for queue in sorted(histories, reverse=True))
        assert (tried.offers, other.offers) == (2, 2), "equal demands share their round"

    def test_what_grows_is_tried_however_much_waits_that_fits_none_of_them(self, looked_at: list[str]) -> None:
        """Only a constraint, or volumes, may let others be used now: those are tried again as well."""
        story = holding()
        for number in range(50):
            story.post(definition(container(resources={"cpus": 100 + number, "mem": 32}), id=f"/large/{number}"))
        picky = {"placement": {"constraints": [{"fieldName": "hostname", "operator": "CLUSTER", "value": "x"}]}}
        story.post(definition(id="/picky", scheduling=picky))
        looked_at.clear()

        for name in ("/a", "/b"):
            assert story.told(Accept, story.post(definition(id=name)))
        assert looked_at == ["/picky", "/a", "/picky", "/b"]

    def test_what_is_updated_while_it_waits_is_tried_again(self, looked_at: list[str]) -> None:
        story = holding()
        for name in ("/one", "/other"):
            story.post(definition(container(resources={"cpus": 100, "mem": 32}), id=name))
        looked_at.clear()

        frame = story.put(definition(container(resources={"cpus": 1, "mem": 32}), id="/one"))
        assert story.told(Accept, frame)
        assert set(looked_at) == {"/one"}

    def test_offers_that_follow_are_a_round_of_their_own(self) -> None:
        story = holding()
        story.post(definition(container(resources={"cpus": 100, "mem": 32})))
        story.wait(0.5)
        story.tell(OffersReceived((offer("X", "A8"),), more=1))
        story.tell(OffersReceived((offer("Y", "A9"),)))

        (history,) = story.world.queues.histories.values()
        assert [sorted(each.refusals) for each in history.rounds] == [["A1", "A2"], ["A8", "A9"]]
        assert [each.at - NOON for each in history.rounds] == [0, 0.5]

    def test_a_constraint_that_the_end_of_another_instance_lifts_lets_it_be_used(self) -> None:
        constraints = [{"fieldName": "hostname", "operator": "UNIQUE"}]
        story = Story(hold_offer_duration=10)
        story.subscribe()
        story.post(definition(instances=3, scheduling={"placement": {"constraints": constraints}}))
        story.tell(OffersReceived((offer("O1", "A1", cpus=0.25), offer("O2", "A2"))))
        story.tell(OffersReceived((offer("O3", "A1"),)))
        story.all_tasks(Condition.RUNNING)
        assert set(on(story)) == {"A1", "A2"}
        lost = next(each for each in story.instances if each.agent and each.agent.id == "A1")
        story.update(lost.tasks[0].id, Condition.FAILED, agent_id="A1")

        assert [accept.offer_id for accept in story.told(Accept, story.wait(5))] == ["O3"]

    def test_more_than_enough_are_not_held(self) -> None:
        story = Story(hold_offer_duration=1.0)
        story.subscribe()
        story.post(definition())
        frame = story.tell(OffersReceived(tuple(offer(f"O{number}", f"A{number}") for number in range(MOST_HELD + 10))))
        (declined,) = story.told(Decline, frame)

        assert declined.offer_ids == tuple(f"O{number}" for number in range(1, 10)), "the oldest, but for the one used"
        assert len(story.world.volatile.offers) == MOST_HELD


class TestLookingAtOffers:
    """Offers that only a plan wants to see."""

    def test_they_are_asked_for_a_moment_and_declined(self) -> None:
        story = running(settings={"hold_offer_duration": 1})
        story.wait(100)
        assert [each.roles for each in story.told(Revive, story.tell(OffersAsked("*")))] == [("*",)]
        story.tell(OffersReceived((offer("O9"),)))
        assert "O9" in story.world.volatile.offers
        frame = story.wait(5)
        assert [each.roles for each in story.told(Suppress, frame)] == [("*",)]
        assert [each.offer_ids for each in story.told(Decline, frame)] == [("O9",)]

    def test_not_again_and_again(self) -> None:
        story = running()
        story.wait(100)
        story.tell(OffersAsked("*"))
        story.wait(2)
        assert not story.told(Revive, story.tell(OffersAsked("*")))
        story.wait(5)
        assert story.told(Revive, story.tell(OffersAsked("*")))

    def test_not_for_roles_that_the_framework_does_not_have_nor_without_a_master(self) -> None:
        story = running()
        assert not story.told(Revive, story.tell(OffersAsked("[other]")))
        alone = Story()
        assert not alone.told(Revive, alone.tell(OffersAsked("*")))

    def test_a_pod_that_waits_keeps_being_offered_resources(self) -> None:
        story = running()
        story.wait(100)
        story.tell(OffersAsked("*"))
        story.post(definition(id="/waits"))
        assert not story.told(Suppress, story.wait(5))
