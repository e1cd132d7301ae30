"""`podexec pod wait` against a real API on a loopback port, whose event stream is lost, too."""

import asyncio
import json
import os
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scheduler.cli import awaiting
from scheduler.core.events import PodDeleted, PodPosted, Ticked
from scheduler.model.records import Condition
from tests.api.app import app_over
from tests.cli.conftest import Run, serving
from tests.core.support import container, definition
from tests.fakes.loop import FakeLoop
from tests.relay import Relay

DEADLINE = 20.0


class Scene:
    """Lets things happen on the thread of the API, once a client follows the event stream."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._next: list[Callable[[], object]] = []
        self._answered: list[tuple[str, int]] = []
        self._when_missed: Callable[[], object] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") == "/v2/events" and self._next:
            asyncio.get_running_loop().call_later(0.05, self._next.pop(0))

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._answered.append((scope["path"], message["status"]))
            await send(message)

        await self._app(scope, receive, noting)
        if self._answered[-2:] == [("/v2/pods/web::status", 404), ("/v2/deployments", 200)] and self._when_missed:
            move, self._when_missed = self._when_missed, None
            move()

    def when_followed(self, *moves: Callable[[], object]) -> None:
        """What happens after the first, second... connection to the stream."""
        self._next += moves

    def when_missed(self, move: Callable[[], object]) -> None:
        """What happens once a client knows that the pod is not there, and which deployments are."""
        self._when_missed = move


@pytest.fixture
def scene(loop: FakeLoop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """The scene of a pod /web of two instances, one of which is running; PODEXEC_URL is set."""
    scene = Scene(app_over(loop))
    loop.happens(PodPosted(1, definition(container(), id="/web", instances=2)))
    loop.offers()
    loop.tell(Condition.RUNNING, only=next(iter(loop.world.instances)))
    monkeypatch.setattr(awaiting, "_STEADY", 0.2)
    monkeypatch.setattr(awaiting, "_STEADY_AFTER_AN_END", 0.6)
    with serving(scene) as url:
        monkeypatch.setenv("PODEXEC_URL", url)
        yield scene
        loop.bus.close()


def test_it_ends_with_the_event_that_makes_the_pod_stable(run: Run, scene: Scene, loop: FakeLoop) -> None:
    scene.when_followed(lambda: loop.tell(Condition.RUNNING))
    outcome = run("pod", "wait", "web", "--for", "stable", "--timeout", "9")
    assert (outcome.code, outcome.out) == (0, "Pod web is stable.\n")
    assert outcome.err.startswith("/web: DEGRADED, 1/2 instances stable; deployment ")
    assert outcome.err.endswith("/web: STABLE, 2/2 instances stable\n")


def test_json_is_the_status(run: Run, scene: Scene, loop: FakeLoop) -> None:
    loop.tell(Condition.RUNNING)
    assert json.loads(run("pod", "wait", "web", "--json").out)["status"] == "STABLE"


def test_exactly_so_many_instances(run: Run, scene: Scene, loop: FakeLoop) -> None:
    outcome = run("pod", "wait", "web", "--for", "instances=1", "--timeout", "0.3")
    assert (outcome.code, "timed out after 0.3 s waiting for web to be at 1 instance, stable" in outcome.err) == (
        1,
        True,
    )
    assert "podexec pod show web" in outcome.err
    scene.when_followed(lambda: loop.tell(Condition.RUNNING))
    outcome = run("pod", "wait", "web", "--for", "instances=2", "--timeout", "9")
    assert (outcome.code, outcome.out) == (0, "Pod web is at 2 instances, stable.\n")


def test_it_is_gone_when_all_instances_have_ended(run: Run, scene: Scene, loop: FakeLoop) -> None:
    loop.tell(Condition.RUNNING)
    scene.when_followed(lambda: loop.happens(PodDeleted(2, "/web")))
    scene.when_missed(lambda: loop.tell(Condition.KILLED))
    outcome = run("pod", "wait", "web", "--for", "gone", "--timeout", "9")
    assert (outcome.code, outcome.out) == (0, "Pod web is gone.\n")
    assert "web does not exist; deployment" in outcome.err
    assert run("pod", "wait", "none", "--for", "gone").code == 0


def test_what_is_not_there_or_no_more_is_not_waited_for(run: Run, scene: Scene, loop: FakeLoop) -> None:
    outcome = run("pod", "wait", "none")
    assert (outcome.code, "Pod '/none' does not exist" in outcome.err) == (1, True)
    scene.when_followed(lambda: (loop.tell(Condition.RUNNING), loop.happens(PodDeleted(2, "/web"))))
    outcome = run("pod", "wait", "web", "--for", "instances=3", "--timeout", "9")
    assert (outcome.code, "web was removed while waiting for it to be at 3 instances" in outcome.err) == (1, True)


def test_a_pod_whose_instances_keep_ending_is_stable_later(run: Run, scene: Scene, loop: FakeLoop) -> None:
    def ends() -> None:
        loop.tell(Condition.FAILED, "Command exited with status 3")
        asyncio.get_running_loop().call_later(0.1, again)

    def again() -> None:
        loop.now += 60
        loop.happens(Ticked())
        loop.run_all()

    loop.tell(Condition.RUNNING)
    scene.when_followed(ends)
    outcome = run("pod", "wait", "web", "--timeout", "9")
    assert outcome.code == 0, outcome.err
    assert "Command exited with status 3" in outcome.err


@pytest.mark.parametrize("text", ["", "stable ", "instances=", "instances=-1", "instances=1000000000", "\x1b[2J"])
def test_a_condition_that_is_none(run: Run, scene: Scene, text: str) -> None:
    outcome = run("pod", "wait", "web", "--for", text)
    assert (outcome.code, "--for must be stable, gone or instances=N" in outcome.err) == (2, True)
    assert "\x1b" not in outcome.err


def test_it_survives_a_scheduler_that_is_away(
    run: Run, scene: Scene, loop: FakeLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connections are cut, none is accepted for some time, and the change happens once it is followed again."""
    with Relay(urlsplit(os.environ["PODEXEC_URL"]).port or 0) as relay:
        monkeypatch.setenv("PODEXEC_URL", f"http://127.0.0.1:{relay.port}")

        def away() -> None:
            relay.close()
            threading.Timer(1.0, relay.open).start()

        scene.when_followed(away, lambda: loop.tell(Condition.RUNNING))
        outcome = run("pod", "wait", "web", "--timeout", str(DEADLINE))
    assert (outcome.code, outcome.out) == (0, "Pod web is stable.\n"), outcome.err
    assert outcome.err.count("trying again") == 1, outcome.err


def test_a_scheduler_that_never_answers_is_an_error_at_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = run("pod", "wait", "web", "--url", "http://127.0.0.1:1")
    assert (outcome.code, "no scheduler answers at http://127.0.0.1:1" in outcome.err) == (1, True)
