"""A real run on real Mesos, replayed: the core takes the decisions that it took then.

files/run.json.gz was recorded by tests/cluster/test_recording.py, whose docstring says how to record it again: do so
where the core is changed on purpose. Look first whether the difference that is found is the one that was meant.
"""

from pathlib import Path

from scheduler.core.events import InstancesKilled, PodDeleted, PodPosted, PodPut, StatusUpdated
from scheduler.model.records import Condition
from scheduler.recording.player import Played, Started, steps
from scheduler.recording.reading import Ended, read
from scheduler.recording.story import Story

RUN = Path(__file__).parent / "files" / "run.json.gz"


def test_the_core_decides_as_it_did() -> None:
    with RUN.open("rb") as file:
        played = [each for each in steps(read(file)) if isinstance(each, Played)]
    for each in played:
        assert each.difference is None, f"step {each.number}, {each.step.event}: {each.difference}"
    heard = {type(each.step.event) for each in played}
    assert heard >= {PodPosted, PodPut, InstancesKilled, PodDeleted, StatusUpdated}


def test_the_run_has_what_it_is_there_for() -> None:
    """Two runs of a scheduler that was killed between them, and an agent that restarted under its instance."""
    with RUN.open("rb") as file:
        runs = [each for each in steps(read(file)) if not isinstance(each, Played)]
    assert [type(each) for each in runs] == [Started, Ended, Started, Ended]
    assert [each.why for each in runs if isinstance(each, Ended)] == [None, "the scheduler stopped"]


def test_the_story_of_an_instance_is_the_one_that_happened() -> None:
    """The first instance: launched, killed, launched again, replaced by the update."""
    story, chapters = None, []
    with RUN.open("rb") as file:
        for each in steps(read(file)):
            if isinstance(each, Played) and story is None and each.world.instances:
                story = Story(min(each.world.instances))
            if isinstance(each, Played) and story is not None:
                chapters.append(story.chapter(each))
    states = [each.after for each in chapters if each is not None and each.before != each.after]
    assert states[0] == "Scheduled"
    assert states[-1] == "does not exist"
    for condition, incarnation in ((Condition.RUNNING, 1), (Condition.RUNNING, 2), (Condition.KILLING, 2)):
        reached = [each for each in states if each.startswith(condition.value) and f"incarnation {incarnation}" in each]
        assert reached, (condition, incarnation, states)
