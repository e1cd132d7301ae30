"""The system clock is set: timers do not notice, times shown to people follow it; also across restarts."""

import pytest

from scheduler.core import clock
from scheduler.core.effects import Log, Publish
from scheduler.core.events import ClockSet
from scheduler.core.facts.conditions import condition
from scheduler.core.views.pod_status import pod_status
from scheduler.model.records import Clock, Condition
from scheduler.model.times import timestamp
from tests.core.support import NOON, Story, definition, running

C = Condition
HOUR = 3600.0
PATIENT = {"unreachableStrategy": {"inactiveAfterSeconds": 10, "expungeAfterSeconds": 100}}


def set_by(story: Story, skew: float) -> None:
    story.tell(ClockSet(skew))


class TestWhatPeopleRead:
    @pytest.mark.parametrize("skew", [-HOUR, HOUR])
    def test_every_time_in_a_status_follows_the_clock(self, skew: float) -> None:
        story = running()
        before = pod_status(story.world, story.pod, story.now)
        set_by(story, skew)
        after = pod_status(story.world, story.pod, story.now)

        assert before["lastUpdated"] == timestamp(NOON)
        assert after["lastUpdated"] == timestamp(NOON + skew)
        [instance] = after["instances"]
        assert instance["statusSince"] == timestamp(NOON + skew)
        assert instance["containers"][0]["statusSince"] == timestamp(NOON + skew)

    def test_events_carry_wall_time(self) -> None:
        story = running()
        set_by(story, -HOUR)
        story.all_tasks(C.FAILED)
        assert {each.at for each in story.told(Publish)} == {NOON - HOUR}

    def test_that_it_was_set_is_logged(self) -> None:
        story = Story()
        set_by(story, -HOUR)
        [note] = story.told(Log)
        assert (note.level, dict(note.fields)) == ("warning", {"seconds": "3600.0"})
        assert "set back" in note.text


class TestVersions:
    @pytest.mark.parametrize("restart", [False, True])
    def test_they_increase_though_the_clock_goes_back(self, restart: bool) -> None:
        story = Story()
        story.subscribe()
        story.post(definition())
        first = story.pod.version
        for number in range(3):
            set_by(story, -HOUR * (number + 1))
            if restart:
                story = story.restart()
                story.subscribe()
            story.put(definition(instances=number + 2))
        versions = story.world.versions("/shop/web")
        assert (len(versions), versions[0]) == (4, first)
        assert versions == sorted(set(versions))

    def test_a_new_one_has_the_wall_clocks_time(self) -> None:
        story = Story()
        story.subscribe()
        set_by(story, HOUR)
        story.post(definition())
        assert story.pod.version == timestamp(NOON + HOUR)


class TestRestart:
    def test_the_time_continues_if_the_wall_clock_was_set_before(self) -> None:
        story = running()
        set_by(story, -HOUR)
        again = story.restart()
        assert again.world.skew == -HOUR
        assert clock.start(again.world, NOON - HOUR + 7) == pytest.approx(NOON + 7)

    def test_a_clock_without_a_battery_ages_nothing_by_decades(self) -> None:
        story = Story(at=100.0)
        story.subscribe()
        story.post(definition(), deadline=600.0)
        set_by(story, NOON)  # the network's time came
        again = story.restart()
        assert clock.start(again.world, NOON + 130) == pytest.approx(130.0)

    def test_a_clock_set_back_while_nobody_looked_makes_nothing_wait_longer(self) -> None:
        story = running(scheduling=PATIENT)
        story.wait(50)
        story.all_tasks(C.UNREACHABLE)
        again = story.restart()
        again.now = clock.start(again.world, NOON - HOUR)
        assert again.now == NOON + 50
        again.subscribe()
        again.wait(99)
        assert condition(again.instances[0]) is C.UNREACHABLE_INACTIVE
        again.wait(2)
        assert all(condition(each) is C.SCHEDULED for each in again.instances[1:])
        assert again.instances[0].goal.value == "Decommissioned"

    def test_a_store_without_a_word_of_the_clock_starts_at_wall_time(self) -> None:
        assert clock.start(Story().world, NOON) == NOON
        assert clock.start(Story(records=[Clock(-5.0)]).world, NOON) == NOON + 5
