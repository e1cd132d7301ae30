"""The plan of a change, as the API shows it before it is made."""

import time
from typing import Any

import pytest
from msgspec.structs import replace

from scheduler.core.events import OffersReceived, Rollout
from scheduler.core.facts.roster import Bucket
from scheduler.core.views.plan import plan_view
from scheduler.model.definition import PodDefinition
from scheduler.model.json import Json
from tests.core.support import Story, container, definition, offer, running

NEW: dict[str, Any] = {"environment": {"VERSION": "2"}}


def plan(story: Story, asked: PodDefinition, **rollout: Any) -> Json:
    """The plan of a change, which must change nothing."""
    records, world = dict(story.stored), story.world
    before = world.random.getstate(), dict(world.volatile.offers), world.next_deadline()
    planned = plan_view(world, asked, Rollout(**rollout), story.now, ())
    assert story.stored == records
    assert (world.random.getstate(), dict(world.volatile.offers), world.next_deadline()) == before
    return planned


def test_the_same_definition_changes_nothing() -> None:
    planned = plan(running(instances=3), definition(instances=3))
    assert (planned["changes"], planned["action"], planned["summary"]) == (False, "none", "nothing changes")
    assert "fit" not in planned


def test_the_same_definition_of_a_pod_whose_rollout_was_cancelled_replaces_what_is_left() -> None:
    story = running(instances=2)
    story.put(definition(instances=2, **NEW))
    (deployment,) = story.world.deployments.values()
    assert plan(story, definition(instances=2, **NEW))["action"] == "none"
    del story.world.deployments[deployment.id], story.world.deploying["/shop/web"]
    assert plan(story, definition(instances=2, **NEW))["action"] == "replace"


def test_a_new_pod_is_created() -> None:
    planned = plan(Story(), definition(instances=2))
    assert (planned["action"], planned["instances"]) == ("create", {"now": 0, "ready": 0, "asked": 2})
    assert "basedOn" not in planned


@pytest.mark.parametrize(("wanted", "words"), [(5, "2 more: 3 -> 5"), (1, "2 fewer: 3 -> 1"), (0, "3 fewer: 3 -> 0")])
def test_another_number_restarts_nothing(wanted: int, words: str) -> None:
    story = running(instances=3)
    planned = plan(story, definition(instances=wanted))
    assert (planned["action"], planned["basedOn"]) == ("scale", story.pod.version)
    assert planned["summary"] == f"no instance restarts; {words}"


def test_what_only_later_launches_use_restarts_nothing() -> None:
    planned = plan(running(instances=3), definition(instances=3, scheduling={"killSelection": "OLDEST_FIRST"}))
    assert (planned["changes"], planned["action"]) == (True, "store")


def test_a_replacement_says_its_batches_and_what_stays_ready() -> None:
    scheduling = {"upgrade": {"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0}}
    planned = plan(running(instances=4, scheduling=scheduling), definition(instances=4, scheduling=scheduling, **NEW))
    assert planned["rollout"] == {
        "replaced": 4,
        "batches": 2,
        "largestBatch": 2,
        "lowestReady": 2,
        "most": 4,
        "inPlace": False,
    }
    assert planned["summary"] == (
        "4 instances replaced in 2 batches of up to 2; at least 2 ready on the way, at most 4 at a time"
    )


def test_running_deployments_of_the_pod_conflict() -> None:
    story = running(instances=2)
    story.put(definition(instances=2, **NEW))
    assert plan(story, definition(instances=3))["conflicts"] == [story.deployment.id]


class TestRoom:
    def story(self, *offers: Json, instances: int = 1) -> Story:
        """A running pod, and offers that are held."""
        story = running(instances=instances, settings={"hold_offer_duration": 60})
        story.wait(61)  # the offer of the first launch
        story.tell(OffersReceived(offers))
        return story

    def test_there_is_room(self) -> None:
        story = self.story(offer("O1", "A1", cpus=0.5), offer("O2", "A2", cpus=0.5))
        fit = plan(story, definition(instances=3))["fit"]
        assert fit == {"asked": 2, "placed": 2, "agents": 2, "nearest": []}

    def test_the_nearest_miss_is_that_of_the_queue(self) -> None:
        story = self.story(offer("O1", "A1", cpus=0.5), offer("O2", "A2", cpus=0.3))
        fit = plan(story, definition(instances=11))["fit"]
        assert (fit["asked"], fit["placed"]) == (10, 3)
        assert fit["nearest"] == [{"reason": "InsufficientCpus", "asked": "0.2", "offered": "0.1", "agents": 2}]

    def test_constraints_count(self) -> None:
        story = self.story(offer("O1", "A1"), offer("O2", "A2"))
        unique = {"placement": {"constraints": [{"fieldName": "hostname", "operator": "UNIQUE"}]}}
        fit = plan(story, definition(id="/new", instances=3, scheduling=unique))["fit"]
        assert (fit["placed"], fit["nearest"][0]["reason"]) == (2, "UnfulfilledConstraint")

    def test_offers_of_another_role_are_not_for_it(self) -> None:
        story = self.story(offer("O1", "A1", role="other"))
        assert "placed" not in plan(story, definition(instances=2))["fit"]

    def test_without_offers_it_is_not_known(self) -> None:
        fit = plan(running(), definition(instances=2))["fit"]
        assert "placed" not in fit
        assert "no agent offers" in fit["unknown"]

    def test_new_volumes_are_not_tried(self) -> None:
        volume = {"name": "data", "persistent": {"size": 10}}
        mounted = container(volumeMounts=[{"name": "data", "mountPath": "data"}])
        story = self.story(offer("O1", "A1"))
        fit = plan(story, definition(mounted, id="/db", volumes=[volume]))["fit"]
        assert "volumes" in fit["unknown"]

    def test_the_room_beside_the_old_ones_is_asked_for(self) -> None:
        story = self.story(offer("O1", "A1", cpus=0.5), instances=3)
        fit = plan(story, definition(instances=3, **NEW))["fit"]
        assert (fit["asked"], fit["placed"]) == (3, 2)

    def test_larger_instances_in_the_room_of_smaller_ones_may_not_fit(self) -> None:
        scheduling = {"upgrade": {"minimumHealthCapacity": 0, "maximumOverCapacity": 0}}
        story = running(instances=2, scheduling=scheduling)
        larger = container(resources={"cpus": 0.2, "mem": 32})
        fit = plan(story, definition(larger, instances=2, scheduling=scheduling))["fit"]
        assert "asks for more" in fit["unknown"]
        same = plan(story, definition(instances=2, scheduling=scheduling, **NEW))
        assert "fit" not in same


def test_a_plan_in_a_large_world_looks_at_little_of_it() -> None:
    """Two thousand offers and a pod of 20,000 instances: below the 50 ms for which a request may hold the loop."""
    story = running(instances=1, settings={"hold_offer_duration": 600})
    template = story.only
    for number in range(20_000):
        identity = f"shop_web.instance-{number}"
        story.world.put(replace(template, id=identity, tasks=()))
    story.world.volatile.offers.clear()
    story.tell(OffersReceived(tuple(offer(f"O{n}", f"B{n}", cpus=0.0001) for n in range(2000))))
    assert story.world.roster("/shop/web").everyone(Bucket.READY, Bucket.UNREADY) == 20_001
    started = time.process_time()
    planned = plan_view(story.world, definition(instances=30_000, **NEW), Rollout(), story.now, ())
    assert time.process_time() - started < 0.1
    assert planned["fit"]["placed"] == 0
