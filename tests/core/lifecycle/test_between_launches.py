"""An instance that waits for its relaunch: only users see the end of its last launch."""

import pytest

from scheduler.core.effects import Accept, Killed, Reply
from scheduler.core.events import InstancesKilled
from scheduler.core.views.instance import instance_view
from scheduler.core.views.pod_status import pod_status
from scheduler.model.json import Json
from scheduler.model.records import Condition
from scheduler.store.codec import decode, encode
from tests.core.support import Story, container, definition, running

C = Condition
PAIR = [container("one"), container("two")]
BACKOFF = {"backoff": {"backoff": 60}}


def failed(**fields: object) -> Story:
    """A pod whose one instance has failed on agent A1, and waits for the end of its back-off."""
    story = running(**{"containers": PAIR, "scheduling": BACKOFF, **fields})
    one, *others = story.only.tasks
    story.update(one.id, C.FAILED, message="exited with status 3")
    for each in others:
        story.update(each.id, C.KILLED)
    assert (story.only.tasks, story.only.agent) == ((), None)
    return story


def shown(story: Story) -> Json:
    """Its status."""
    (found,) = pod_status(story.world, story.world.pods["/shop/web"], story.now)["instances"]
    status: Json = found
    return status


def killed(story: Story) -> Json:
    """The answer to a kill of it."""
    frame = story.request(InstancesKilled, "/shop/web", (story.only.id,))
    (reply,) = (each for each in frame.effects if isinstance(each, Reply))
    assert isinstance(reply.answer, Killed)
    (found,) = reply.answer.instances
    return instance_view(story.world, found)


def test_its_last_states_and_its_agent_are_shown_until_it_is_launched_again() -> None:
    story = failed()
    version = story.only.version

    for seen in (story, story.restart()):
        status = shown(seen)
        assert (status["status"], status["agentId"], status["agentHostname"]) == ("PENDING", "A1", "a1.example")
        one, two = status["containers"]
        assert (one["name"], one["status"], one["message"]) == ("one", "TASK_FAILED", "exited with status 3")
        assert one["termination"] == {"exitCode": 3, "message": "exited with status 3"}
        assert two["status"] == "TASK_KILLED"
        assert not {"containerId", "endpoints", "conditions", "resources"} & (one.keys() | two.keys())
        assert "networks" not in status
        answer = killed(seen)
        assert answer["state"]["condition"] == "Failed"
        assert answer["state"]["goal"] == "Running"
        assert answer["agentInfo"] == {"host": "a1.example", "agentId": "A1", "attributes": []}
        assert answer["runSpecVersion"] == version

    story.wait(60)
    story.offer("A2")
    status = shown(story)
    assert status["agentId"] == "A2"
    assert {each["status"] for each in status["containers"]} == {"TASK_STAGING"}
    assert story.only.ended is None


def test_what_becomes_of_it_when_it_is_unreachable_is_shown_as_in_a_definition() -> None:
    assert killed(running())["unreachableStrategy"] == {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0}
    disabled = running(scheduling={"unreachableStrategy": "disabled"})
    assert killed(disabled)["unreachableStrategy"] == "disabled"


def test_the_version_that_it_had_and_will_have_is_not_deleted() -> None:
    story = running(scheduling=BACKOFF, settings={"versions_kept": 1})
    first = story.only.version
    story.all_tasks(C.FAILED)
    for instances in (2, 3):
        story.put(definition(scheduling=BACKOFF, instances=instances))

    assert story.instances[0].version == first
    assert first in story.world.versions("/shop/web")


def test_it_is_stored_with_that() -> None:
    story = failed()
    assert story.only.ended is not None
    assert decode(encode(story.only)) == story.only


def test_it_counts_nowhere_as_placed() -> None:
    """Neither for constraints, nor where instances are spread: it may come to the same agent again."""
    unique = {"placement": {"constraints": [{"fieldName": "@hostname", "operator": "UNIQUE"}]}}
    story = failed(scheduling=unique)
    waiting = story.only

    assert "/shop/web" not in story.world.placed
    assert not story.world.tasks
    assert waiting.id in story.world.queues.waiting[f"/shop/web@{waiting.config_version}"]
    story.wait(1)
    assert story.told(Accept, story.offer("A1"))


def test_the_version_that_was_launched_is_shown_and_stays_readable() -> None:
    """Not the one that is launched next, though no more than one is to be kept."""
    story = running(containers=PAIR, scheduling=BACKOFF, settings={"versions_kept": 1})
    before, first = story.only.version, story.only.id
    story.put(definition(containers=PAIR, scheduling=BACKOFF, instances=2))
    story.all_tasks(C.FAILED)
    story.put(definition(containers=PAIR, scheduling=BACKOFF, instances=3))

    assert story.world.instances[first].version != before
    (status,) = pod_status(story.world, story.world.pods["/shop/web"], story.now)["instances"]
    assert status["specReference"] == f"/v2/pods/shop/web::versions/{before}"
    assert before in story.world.versions("/shop/web")
    story.wait(60)
    story.offer()
    story.put(definition(containers=PAIR, scheduling=BACKOFF, instances=4))
    assert before not in story.world.versions("/shop/web")


@pytest.mark.parametrize("end", [C.FINISHED, C.ERROR, C.GONE, C.DROPPED])
def test_whatever_its_end_was(end: Condition) -> None:
    story = running(containers=PAIR, scheduling=BACKOFF)
    story.all_tasks(end)

    assert (shown(story)["status"], shown(story)["agentId"]) == ("PENDING", "A1")
    assert {each["status"] for each in shown(story)["containers"]} == {f"TASK_{end.name}"}
    assert killed(story)["state"]["condition"] == end.value


def test_an_agent_that_an_operator_marked_gone_is_no_longer_shown() -> None:
    story = running(containers=PAIR, scheduling=BACKOFF)
    story.all_tasks(C.GONE_BY_OPERATOR)

    assert "agentId" not in shown(story)
    assert {each["status"] for each in shown(story)["containers"]} == {"TASK_GONE_BY_OPERATOR"}
    assert "agentInfo" not in killed(story)


def test_one_that_was_never_launched_has_nothing_to_show() -> None:
    story = Story()
    story.subscribe()
    story.post(definition())

    assert "instances" not in pod_status(story.world, story.world.pods["/shop/web"], story.now)
    assert killed(story)["state"]["condition"] == "Scheduled"
