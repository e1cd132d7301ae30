"""What is replayed is compared, frame by frame, and the first difference is found with its place."""

import io

import orjson
import pytest

from scheduler.core.events import (
    Event,
    OffersReceived,
    PodPosted,
    PodPut,
    Rollout,
    StatusesUpdated,
    StatusUpdated,
    Subscribed,
    Ticked,
)
from scheduler.core.frame import Frame
from scheduler.core.step import step
from scheduler.core.world import World
from scheduler.model.json import Json
from scheduler.model.records import Condition
from scheduler.recording import player
from scheduler.recording.encoding import LARGEST_MEMBER, Encoder
from scheduler.recording.masks import Masks
from scheduler.recording.player import Difference, Played
from scheduler.recording.reading import read
from scheduler.recording.story import Story, is_instance_id
from tests.core import support
from tests.recording.support import run_of, steps_of

SETTINGS = support.settings()
FORCE = Rollout(force=True)
SUBSCRIBED = Subscribed(support.FRAMEWORK, "master:5050", "1.11.0")
SECRETIVE = support.definition(
    support.container(artifacts=[{"uri": "https://joe:password@host/x"}]), environment={"TOKEN": "top-secret"}
)


def run(*events: Event) -> bytes:
    """What a scheduler that hears these, a second apart, is recorded as."""
    world = World(SETTINGS, 1)
    return run_of(
        SETTINGS,
        1,
        (),
        [
            (event, support.NOON + number, step(world, event, support.NOON + number))
            for number, event in enumerate(events)
        ],
    )


def changed(recording: bytes, number: int, **members: object) -> bytes:
    """The same with other members in the line of a step."""
    lines = recording.splitlines(keepends=True)
    lines[number] = orjson.dumps({**orjson.loads(lines[number]), **members}) + b"\n"
    return b"".join(lines)


def differences(recording: bytes) -> list[Difference | None]:
    return [each.difference for each in steps_of(recording)]


RUN = run(SUBSCRIBED, PodPosted(1, SECRETIVE), PodPosted(2, SECRETIVE))


def step_line(number: int) -> Json:
    line: Json = orjson.loads(RUN.splitlines()[number])
    return line


def test_the_same_steps_have_no_difference() -> None:
    assert differences(RUN) == [None, None, None]


def test_the_place_of_a_difference_is_told() -> None:
    changes = step_line(2)["changes"]
    changes[1]["data"]["config_version"] = "another"
    [_, found, _] = differences(changed(RUN, 2, changes=changes))
    assert found == Difference("changes[1].data.config_version", "another", "2023-11-14T22:13:21.000Z")


@pytest.mark.parametrize("name", ["changes", "effects"])
def test_a_member_that_is_missing_or_there_too_much_is_a_difference(name: str) -> None:
    members = step_line(2)[name]
    [_, found, _] = differences(changed(RUN, 2, **{name: members[:-1]}))
    assert found
    assert (found.where, found.recorded, found.replayed) == (f"{name}[{len(members) - 1}]", None, members[-1])
    [_, found, _] = differences(changed(RUN, 2, **{name: [*members, members[0]]}))
    assert found
    assert (found.where, found.recorded, found.replayed) == (f"{name}[{len(members)}]", members[0], None)


def test_the_order_of_changes_is_compared_that_of_keys_is_not() -> None:
    changes = step_line(2)["changes"]
    assert differences(changed(RUN, 2, changes=[dict(reversed(each.items())) for each in changes]))[1] is None
    assert differences(changed(RUN, 2, changes=changes[::-1]))[1] is not None


def test_how_the_log_is_worded_is_not_compared_but_what_it_tells_of_is() -> None:
    effects = step_line(2)["effects"]
    log = next(each["data"] for each in effects if each["effect"] == "Log")
    log["text"] = "in other words"
    assert differences(changed(RUN, 2, effects=effects)) == [None, None, None]
    log["fields"][0][1] = "/another"
    assert differences(changed(RUN, 2, effects=effects))[1] is not None


def test_of_a_large_member_it_is_told_that_it_differs() -> None:
    labels = {f"label-{number}": "x" * 500 for number in range(LARGEST_MEMBER // 500 + 1)}
    recording = run(SUBSCRIBED, PodPosted(1, support.definition(labels=labels)))
    changes = orjson.loads(recording.splitlines()[2])["changes"]
    assert changes[0]["bytes"] > LARGEST_MEMBER
    assert differences(recording) == [None, None]
    changes[0]["digest"] = "0" * 32
    [_, found] = differences(changed(recording, 2, changes=changes))
    assert found
    assert found.where == "changes[0].digest"


def test_another_seed_makes_a_difference() -> None:
    assert differences(RUN.replace(b'"seed":1', b'"seed":2', 1))[1]


def test_a_failure_of_the_core_is_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(world: World, event: Event, now: float) -> Frame:
        if isinstance(event, PodPosted):
            raise LookupError("not told")
        return step(world, event, now)

    encoder = Encoder(Masks())
    try:
        fails(World(SETTINGS, 1), PodPosted(1, SECRETIVE), support.NOON)
    except LookupError as error:
        failed = encoder.failed_step(PodPosted(1, SECRETIVE), support.NOON, error)
    recording = run(SUBSCRIBED) + run(SUBSCRIBED).splitlines(keepends=True)[0] + failed
    [_, mended] = steps_of(recording)
    assert mended.difference == Difference("failure", "LookupError in fails (test_player.py)", None)
    monkeypatch.setattr(player, "step", fails)
    [_, again] = steps_of(recording)
    assert again.difference is None
    assert isinstance(again.error, LookupError)
    [_, broken, _] = steps_of(RUN)
    assert broken.difference == Difference("failure", None, "LookupError in fails (test_player.py)")


def test_definitions_that_differ_in_what_is_left_out_only_are_still_different() -> None:
    """A changed password restarts the pod, when it happens as when it is replayed."""
    other = SECRETIVE.model_copy(update={"environment": {"TOKEN": "another-secret"}})
    recording = run(SUBSCRIBED, PodPosted(1, SECRETIVE), PodPut(2, SECRETIVE, FORCE), PodPut(3, other, FORCE))
    assert b"another-secret" not in recording
    steps = steps_of(recording)
    assert [each.difference for each in steps] == [None] * 4
    kinds = [{each.what.get("put") for each in step.changes} for step in steps]
    assert "definition" not in kinds[2]
    assert "definition" in kinds[3]


def test_a_definition_near_the_largest_is_judged_in_the_replay_as_it_was() -> None:
    """Masks are as long as what they hide, escapes in JSON included."""
    for size in (100_000, 119_000, 120_000):
        definition = support.definition(environment={"LARGE": '"' * (size // 2), "MANY": "x" * 5})
        assert differences(run(SUBSCRIBED, PodPosted(1, definition))) == [None, None]


# ------------------------------------------------------------------------ of one instance


def test_the_story_of_an_instance_has_the_steps_that_concern_it() -> None:
    offers = OffersReceived((support.offer("O1", "A1"), support.offer("O2", "A2")))
    recording = run(SUBSCRIBED, PodPosted(1, support.definition(instances=3)), Ticked(), offers, Ticked())
    steps = steps_of(recording)
    assert steps[1].frame
    instance_id = next(str(each.what["key"]) for each in steps[1].changes if each.what.get("put") == "instance")
    assert is_instance_id(instance_id)
    story = Story(instance_id)
    assert story.begin(World(SETTINGS, 1)) is None
    # The world of a step is that of the last one by now, so that steps are looked at as they are made.
    made = player.steps(read(io.BytesIO(recording)))
    chapters = [story.chapter(played) for played in made if isinstance(played, Played)]
    assert [chapter is not None for chapter in chapters] == [False, True, False, True, False]
    created, launched = (chapter for chapter in chapters if chapter)
    assert (created.before, created.after) == ("does not exist", "Scheduled")
    assert launched.after.startswith("Provisioned on a")
    [accept] = [line for line in launched.lines if line.startswith("Accept")]
    assert f"LAUNCH_GROUP {instance_id}" in accept
    assert accept.count("LAUNCH_GROUP") == 1


def test_of_statuses_that_arrived_together_the_story_tells_those_of_the_instance() -> None:
    before = support.Story()
    before.subscribe()
    before.post(support.definition(instances=2))
    before.offer()
    one, other = before.instances
    together = StatusesUpdated(
        tuple(StatusUpdated(each.tasks[0].id, Condition.RUNNING, "A1", "dQ==", 1.0) for each in (one, other))
    )
    records = tuple(before.stored.values())
    world = World(SETTINGS, 1, records)
    frame = step(world, together, support.NOON)
    made = player.steps(read(io.BytesIO(run_of(SETTINGS, 1, records, [(together, support.NOON, frame)]))))
    told = next(played for played in made if isinstance(played, Played))
    story = Story(one.id)
    story.begin(World(SETTINGS, 1, records))
    chapter = story.chapter(told)

    assert chapter is not None
    [heard] = [line for line in chapter.lines if line.startswith("StatusUpdated")]
    assert one.tasks[0].id in heard
    assert not any(other.id in line for line in chapter.lines)


@pytest.mark.parametrize("text", ["", "x", "web.instance-", ".instance-u", "web.instance-0", "instance-web.u"])
def test_what_is_no_instance_id(text: str) -> None:
    assert not is_instance_id(text)
