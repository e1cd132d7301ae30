"""Offers come in; launches and refusals go out."""

from collections import Counter
from typing import Any

from scheduler.core.effects import Accept, Decline, Note
from scheduler.core.events import AgentDescribed, OfferRescinded, OffersReceived
from scheduler.core.frame import Put
from scheduler.model.records import Agent, Condition, Instance
from tests.core.support import Story, container, definition, groups, offer, scalar


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
    assert [operation["type"] for operation in accept.operations] == ["LAUNCH_GROUP"] * 3
    assert accept.refuse_seconds == 120
    assert story.told(Decline, frame) == [Decline(("O2",), 120)]


def test_a_launch_is_recorded_in_the_frame_that_sends_it() -> None:
    """Durable before Mesos is called: a scheduler that dies in between finds it as Provisioned."""
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


def test_a_launch_is_told_with_the_ids_that_explain_it() -> None:
    story = waiting()
    (note,) = story.told(Note, story.offer())

    assert {key for key, _ in note.fields} == {"pod_id", "instance_id", "agent_id", "offer_id"}


def resources_of(role: str, **more: Any) -> list[Any]:
    """Enough for a pod, of one role."""
    return [scalar("cpus", 4, role, **more), scalar("mem", 512, role, **more), scalar("disk", 50, role, **more)]


def reserved(role: str) -> list[Any]:
    """The same as a master tells it to a framework that knows refined reservations."""
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
