"""The policy at admission: refusals, warnings, quotas, changes of it, and what it leaves alone."""

import random
from typing import Any

import pytest

from scheduler.core.effects import Done, Log, Refused
from scheduler.core.events import DeploymentCancelled, GroupDeleted, PolicyChanged, Rollout
from scheduler.core.facts.requested import NOTHING, by_pod
from scheduler.core.frame import Frame
from scheduler.model.json import Json
from scheduler.model.policy.reading import read
from scheduler.model.prefixes import PathPattern
from scheduler.model.records import Condition
from tests.core.support import Story, container, definition, groups

NO_ROOT: Json = {"rules": [{"name": "users", "forbid": ["rootUser"]}]}
WARN_ROOT: Json = {"rules": [{"name": "users", "effect": "warn", "forbid": ["rootUser"]}]}


def story_with(policy: Json, **settings: Any) -> Story:
    story = Story(policy=read(policy), **settings)
    story.subscribe()
    return story


def change(story: Story, policy: Json) -> Frame:
    return story.tell(PolicyChanged(read(policy)))


def refusal(story: Story, frame: Frame) -> list[str]:
    """The errors of a request that changed nothing."""
    answer = story.reply(frame)
    assert isinstance(answer, Refused), answer
    assert (answer.kind, answer.message) == ("invalid", "The policy of this scheduler does not accept this pod")
    assert frame.changes == ()
    return [error for _, error in answer.problems]


def accepted(story: Story, frame: Frame) -> list[str]:
    """The warnings of a request that was accepted."""
    answer = story.reply(frame)
    assert isinstance(answer, Done), answer
    return [error for _, error in answer.warnings or ()]


# --------------------------------------------------------------------------------- rules


@pytest.mark.parametrize("how", ["post", "put"])
def test_a_pod_that_breaks_a_rule_is_refused_by_both_ways_in(how: str) -> None:
    story = story_with(NO_ROOT)

    (error,) = refusal(story, getattr(story, how)(definition()))

    assert error == "container main runs as root (rule 'users' of the policy)"
    assert accepted(story, getattr(story, how)(definition(user="nobody"))) == []


def test_the_default_user_is_that_of_the_scheduler() -> None:
    story = story_with(NO_ROOT, mesos_user="nobody")

    assert accepted(story, story.post(definition())) == []
    refusal(story, story.post(definition(id="/other", user="root")))


def test_a_warning_goes_to_the_user_and_to_the_log() -> None:
    story = story_with(WARN_ROOT)

    frame = story.post(definition())

    (warning,) = accepted(story, frame)
    (logged,) = [each for each in story.told(Log, frame) if each.level == "warning"]
    assert dict(logged.fields) == {"pod_id": "/shop/web", "path": "/containers(0)/user", "reason": warning}


def test_a_pod_that_is_there_stays_and_can_shrink_and_go_but_not_change() -> None:
    story = story_with({})
    story.post(definition(instances=3))
    story.go_well()

    change(story, NO_ROOT)
    story.go_well()

    assert len(story.instances) == 3
    refusal(story, story.put(definition(instances=4)))
    refusal(story, story.put(definition(instances=3, labels={"a": "b"})))
    assert accepted(story, story.put(definition(instances=1))) == []
    assert accepted(story, story.remove()) == []


def test_a_pod_that_ended_is_relaunched_although_it_could_not_be_added_now() -> None:
    story = story_with({})
    story.post(definition())
    story.go_well()
    change(story, NO_ROOT)

    story.all_tasks(Condition.FAILED)
    story.wait(600)
    frame = story.offer()

    assert len(groups(frame)) == 1


def test_a_group_can_be_deleted_and_a_deployment_rolled_back_which_the_log_tells() -> None:
    story = story_with({})
    story.post(definition())
    story.go_well()
    story.put(definition(user="nobody"))
    change(story, NO_ROOT)

    frame = story.request(DeploymentCancelled, story.deployment.id)

    assert accepted(story, frame) == []
    assert "runs as root" in str([each.fields for each in story.told(Log, frame)])
    assert story.world.current(story.pod).user is None
    assert accepted(story, story.request(GroupDeleted, "/shop", Rollout(force=True))) == []


# -------------------------------------------------------------------------------- quotas


def quota(**limits: Any) -> Json:
    return {"quotas": [{"name": "shop", "pods": ["/shop/**"], **limits}]}


def test_the_last_place_is_taken_once() -> None:
    story = story_with(quota(instances=3))

    accepted(story, story.post(definition(id="/shop/a", instances=2)))
    accepted(story, story.post(definition(id="/elsewhere", instances=9)))
    accepted(story, story.post(definition(id="/shop/b", instances=1)))

    assert refusal(story, story.post(definition(id="/shop/c/d"))) == [
        "with this, the pods of quota 'shop' would request 4 instances, and it allows 3"
    ]
    story.remove("/shop/b")
    assert accepted(story, story.post(definition(id="/shop/c/d"))) == []


@pytest.mark.parametrize(
    ("limits", "fits"),
    [
        ({"cpus": 1.4}, 2),  # each asks for 2 x 0.3 and the executor's 0.1
        ({"cpus": 2.09}, 2),
        ({"cpus": 2.1}, 3),
        ({"mem": 192}, 2),  # 2 x 32 and the executor's 32
        ({"disk": "2g"}, 1),  # 2 x 5, the executor's 10, and 1024 of the volume
        ({"gpus": 3}, 1),
        ({"gpus": 0}, 0),
        ({"instances": 2, "cpus": 100}, 2),
    ],
)
def test_every_resource_of_containers_executors_and_volumes_counts(limits: Json, fits: int) -> None:
    story = story_with(quota(**limits), principal="me")
    resources = {"cpus": 0.3, "mem": 32, "disk": 5, "gpus": 1}
    pods = [
        definition(
            container(resources=resources, volumeMounts=[{"name": "kept", "mountPath": "kept"}]),
            container("other", resources=resources),
            id=f"/shop/p{number}",
            volumes=[{"name": "kept", "persistent": {"size": 1024}}],
        )
        for number in range(3)
    ]

    answers = [story.reply(story.post(pod)) for pod in pods]

    assert [isinstance(each, Done) for each in answers] == [number < fits for number in range(3)]


def test_an_exceeded_quota_lets_pods_shrink_but_not_grow() -> None:
    story = story_with({})
    story.post(definition(instances=5))
    change(story, quota(instances=2, cpus=0.5))

    small = container(resources={"cpus": 0.05, "mem": 32})
    assert accepted(story, story.put(definition(small, instances=5))) == []  # still too much, but less
    assert accepted(story, story.put(definition(small, instances=4, labels={"a": "b"}))) == []
    assert len(refusal(story, story.put(definition(small, instances=5)))) == 2
    assert len(refusal(story, story.put(definition(container(resources={"cpus": 1, "mem": 32}), instances=4)))) == 1


def test_a_quota_may_only_warn_and_several_apply_together() -> None:
    policy = {
        "quotas": [
            {"name": "inner", "pods": ["/shop/a/**"], "instances": 1},
            {"name": "outer", "pods": ["/shop/**"], "effect": "warn", "instances": 1},
        ]
    }
    story = story_with(policy)
    accepted(story, story.post(definition(id="/shop/a/x")))

    assert len(accepted(story, story.post(definition(id="/shop/b")))) == 1
    assert len(refusal(story, story.post(definition(id="/shop/a/y")))) == 1


def test_patterns_that_overlap_count_a_pod_once() -> None:
    pods = ["/shop/**", "/shop/a/**", "/shop/a/x", "/shop/**", "/lone", "/lone/**"]
    story = story_with({"quotas": [{"name": "shop", "pods": pods, "instances": 4}]})
    for pod_id in ("/shop/a/x", "/shop/a/y", "/lone"):
        assert accepted(story, story.post(definition(id=pod_id))) == []

    assert len(refusal(story, story.post(definition(id="/shop/b", instances=2)))) == 1
    assert accepted(story, story.post(definition(id="/shop/b"))) == []


def test_what_pods_request_is_known_without_a_look_at_each() -> None:
    """Also after updates, deletes, a rollback and a restart: it is the sum over the current definitions."""
    chance = random.Random(5)
    story = story_with({})
    for _ in range(120):
        pod_id = chance.choice(["/a/x", "/a/y", "/a/b/x", "/a/b/c/x", "/z"])
        do = chance.choice(["put", "put", "remove", "rollback", "restart"])
        if do == "put":
            resources = {"cpus": chance.choice([0.1, 0.3, 2]), "mem": chance.choice([32, 33.5])}
            story.put(definition(container(resources=resources), id=pod_id, instances=chance.randrange(4)))
        elif do == "remove":
            story.remove(pod_id)
        elif do == "rollback" and story.world.deployments:
            story.request(DeploymentCancelled, chance.choice(sorted(story.world.deployments)))
        elif do == "restart":
            story = story.restart()
            story.subscribe()
        current = [story.world.current(pod) for pod in story.world.pods.values()]
        for path in ("", "/a", "/a/b", "/a/b/c", "/a/x", "/z", "/none"):
            below = [by_pod(each) for each in current if PathPattern(path, below=True).matches(each.id)]
            assert story.world.requested.below(path) == tuple(map(sum, zip(NOTHING, *below, strict=True)))
            alone = [by_pod(each) for each in current if each.id == path]
            assert story.world.requested.of_pod(path) == (alone or [NOTHING])[0]


# ---------------------------------------------------------------------- scopes of secrets

SECRET: Json = {"secrets": {"pw": {"source": "/other/db"}}}


def scopes(*sources: str) -> Json:
    return {"secrets": [{"pods": ["/shop/**"], "sources": list(sources)}]}


def test_a_secret_of_others_is_refused() -> None:
    story = story_with(scopes("/shop/**"))

    assert refusal(story, story.post(definition(**SECRET))) == [
        "the policy does not let /shop/web use secret '/other/db'"
    ]


def test_a_launch_that_failed_for_its_scope_is_repeated_at_once_when_it_may() -> None:
    """The edge refuses the launch. The longest back-off would be five minutes."""
    story = story_with(scopes("/**"))
    story.post(definition(**SECRET))
    change(story, scopes("/shop/**"))
    for _ in range(9):
        story.offer()
        story.all_tasks(Condition.ERROR, message="secret '/other/db' is not delivered")
        story.wait(0.1)
    assert groups(story.offer()) == []

    change(story, scopes("/none"))
    assert groups(story.offer()) == []
    change(story, scopes("/other/**"))

    assert len(groups(story.offer())) == 1


def test_a_restarted_scheduler_has_the_policy_of_its_file() -> None:
    story = story_with(NO_ROOT)
    change(story, {})

    again = story.restart()
    again.subscribe()

    refusal(again, again.post(definition()))
