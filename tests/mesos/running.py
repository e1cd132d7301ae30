"""A running driver for tests."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from scheduler.core.effects import Accept, LaunchGroup
from scheduler.core.events import Event, Subscribed
from scheduler.mesos.driver import Driver
from scheduler.mesos.framework import FrameworkIdentity
from scheduler.mesos.timing import Timing
from tests.fakes.heard import Heard
from tests.fakes.master import FakeMaster

FAST = Timing(connect=2.0, call=0.4, heartbeat=2.0, missed_heartbeats=5, first_pause=0.02, longest_pause=0.2)
IDENTITY = FrameworkIdentity(name="pods", user="root", roles=("web",), principal="me", webui_url="http://127.0.0.1:1")
ACCEPT = Accept("offer-1", (LaunchGroup(b'{"type":"LAUNCH_GROUP","launch_group":{}}', 0),), 5.0)


class Framework:
    """A running driver and what it submitted."""

    def __init__(self, master: str, timing: Timing, **more: Any) -> None:
        self.events: Heard[Event] = Heard()
        self.failures: Heard[BaseException] = Heard()
        self.on_event = self.events.add
        self.on_batch: Callable[[Sequence[Event]], None] = lambda _: None
        self.driver = Driver(
            more.pop("identity", IDENTITY), master, self._submit, self.failures.add, timing=timing, **more
        )

    def _submit(self, events: Sequence[Event]) -> None:
        self.on_batch(events)
        for event in events:
            self.on_event(event)

    def wait_for(self, kind: type[Event], count: int = 1) -> list[Event]:
        def seen(events: list[Event]) -> list[Event]:
            return [event for event in events if isinstance(event, kind)]

        return seen(self.events.wait_for(lambda events: len(seen(events)) >= count, f"{count} {kind.__name__}"))


@contextmanager
def connecting(master: FakeMaster | str, timing: Timing = FAST, **more: Any) -> Iterator[Framework]:
    framework = Framework(master if isinstance(master, str) else master.address, timing, **more)
    framework.driver.start()
    try:
        yield framework
    finally:
        framework.driver.stop()
        framework.driver.join()
        assert framework.driver.aborted


@contextmanager
def connected(master: FakeMaster, timing: Timing = FAST, **more: Any) -> Iterator[Framework]:
    with connecting(master, timing, **more) as framework:
        framework.wait_for(Subscribed)
        yield framework
