"""A pod and a group never have the same id: the second one is refused, by whatever request it is created."""

from typing import Any

import pytest

from scheduler.core.effects import Done, Refused
from scheduler.core.events import DeploymentCancelled, GroupDeleted, Rollout
from scheduler.core.rollout.id_clashes import CLASH
from scheduler.model.definition import PodDefinition
from scheduler.model.ids import groups_of
from scheduler.model.records import Pod
from tests.core.support import Story, definition, published

VERSION = "2023-11-01T00:00:00.000Z"
CLASHES = [("/a", "/a/b"), ("/a/b", "/a"), ("/a", "/a/b/c"), ("/a/b/c", "/a"), ("/a/b", "/a/b/c"), ("/a/b/c", "/a/b")]


def story_of(*pod_ids: str) -> Story:
    """Existing pods."""
    story = Story()
    story.subscribe()
    for pod_id in pod_ids:
        assert isinstance(story.reply(story.post(definition(id=pod_id))), Done)
    return story


def refusal(answer: Any) -> Refused:
    """An answer with Marathon's message, and the id that clashes."""
    assert isinstance(answer, Refused)
    (first, said), (second, why) = answer.problems
    assert (answer.kind, answer.message, first, second) == ("invalid", "Object is not valid", "/id", "/id")
    assert said == CLASH == "Groups and Pods may not have the same identifier."
    assert "choose another id" in why
    return answer


@pytest.mark.parametrize("how", ["post", "put"])
@pytest.mark.parametrize(("there", "asked"), CLASHES)
def test_the_second_one_is_refused(there: str, asked: str, how: str) -> None:
    story = story_of(there)
    before = dict(story.stored)

    frame = getattr(story, how)(definition(id=asked))

    refusal(story.reply(frame))
    assert story.stored == before
    assert published(frame, "group_change_failed")


@pytest.mark.parametrize("beside", ["/a/bc", "/ab", "/b", "/a/c/d"])
def test_ids_that_only_look_alike_are_fine(beside: str) -> None:
    assert beside in story_of("/a/b", beside).world.pods
    assert "/a/b" in story_of(beside, "/a/b").world.pods


def test_an_id_is_free_as_soon_as_its_pod_is_removed() -> None:
    """As in Marathon, although its instances are still ending; and a group ends with its last pod."""
    story = story_of("/a")
    story.offer()
    story.remove("/a")
    assert story.instances
    assert isinstance(story.reply(story.post(definition(id="/a/b"))), Done)
    refusal(story.reply(story.post(definition(id="/a"))))
    story.remove("/a/b")
    assert isinstance(story.reply(story.post(definition(id="/a"))), Done)


def test_a_removal_is_not_rolled_back_into_a_clash() -> None:
    story = story_of("/a")
    story.offer()
    story.remove("/a", deadline=60)
    (removal,) = story.world.deployments.values()
    story.post(definition(id="/a/b"))

    answer = story.reply(story.request(DeploymentCancelled, removal.id, rollback=True))
    assert isinstance(answer, Refused)
    assert answer.problems[0] == ("/", CLASH)
    assert removal.id in story.world.deployments

    frame = story.wait(60)
    (failed,) = [each for each in published(frame, "deployment_failed") if each["id"] == removal.id]
    assert CLASH in failed["reason"]
    assert story.world.pods.keys() == {"/a/b"}


def test_a_store_that_has_both_is_taken_up_and_both_can_be_changed_and_removed() -> None:
    records = [
        each
        for pod_id in ("/a", "/a/b")
        for each in (definition(id=pod_id, version=VERSION), Pod(pod_id, VERSION, VERSION))
    ]
    story = Story(records=records)
    story.subscribe()
    assert story.world.pods.keys() == {"/a", "/a/b"}
    for pod_id in ("/a", "/a/b"):
        changed: PodDefinition = definition(id=pod_id, instances=2)
        assert isinstance(story.reply(story.put(changed)), Done)
    assert isinstance(story.reply(story.request(GroupDeleted, "/a", Rollout(force=True))), Done)
    assert story.world.pods.keys() == {"/a"}
    assert story.world.groups == {}
    story.remove("/a")
    assert isinstance(story.reply(story.post(definition(id="/a/b"))), Done)


def test_the_groups_of_a_pod() -> None:
    assert groups_of("/a/b/c") == ["/a", "/a/b"]
    assert groups_of("/a") == groups_of("/") == []
