"""A scheduler's API over the real core and fake containers, which runs beside a test in a thread of its own."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx2

from scheduler.api.access import EVERYONE, Access
from scheduler.model.json import Json
from tests.api.inside import DEADLINE, LiveInside, live_inside
from tests.fakes.inside import FakeSession

T = TypeVar("T")


class Desk:
    """A context manager. Whatever touches the API's objects does so in its thread, by ``run``."""

    def __init__(self, access: Access = EVERYONE) -> None:
        self._access = access
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="desk")
        self._started = threading.Event()
        self._end = asyncio.Event()
        self.api: LiveInside
        self.http: httpx2.Client

    def __enter__(self) -> "Desk":
        self._thread.start()
        assert self._started.wait(DEADLINE)
        self.http = httpx2.Client(base_url=self.url, timeout=DEADLINE, trust_env=False)
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        self.run(lambda api: api.loop.bus.close())
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()

    @property
    def url(self) -> str:
        """Of the interface's scheduler, without a slash at the end."""
        return self.api.url

    @property
    def host(self) -> str:
        """Host and port."""
        return self.api.address

    def run(self, call: Callable[[LiveInside], T]) -> T:
        """The result of a function of the API, called in its thread."""

        async def called() -> T:
            return call(self.api)

        return self.wait(called())

    def wait(self, awaitable: Awaitable[T]) -> T:
        """The result of something asynchronous there."""

        async def awaited() -> T:
            return await awaitable

        return asyncio.run_coroutine_threadsafe(awaited(), self._loop).result(DEADLINE)

    def add(self, definition: Json, **headers: str) -> None:
        """Create a pod."""
        answer = self.http.post("/v2/pods", json=definition, headers=headers)
        assert answer.status_code == 201, answer.text

    def launch(self) -> list[str]:
        """Launch and run what waits; returns the ids of the new tasks."""
        return self.run(lambda api: api.launched())

    def programs(self, program: Callable[[FakeSession], Awaitable[None]]) -> None:
        """What commands do."""
        self.api.inside.program = program

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._live())
        self._loop.close()

    async def _live(self) -> None:
        async with live_inside(access=self._access) as (api, _):
            self.api = api
            self._started.set()
            await self._end.wait()


def pod(pod_id: str, *containers: str, instances: int = 1, **more: Any) -> Json:
    """A pod with these containers, which have a command and an endpoint each."""
    return {
        "id": pod_id,
        "scaling": {"kind": "fixed", "instances": instances},
        "networks": [{"mode": "host"}],
        "containers": [
            {
                "name": name,
                "resources": {"cpus": 0.1, "mem": 32},
                "exec": {"command": {"shell": "sleep 1000"}},
                "endpoints": [{"name": f"http-{name}", "hostPort": 0, "protocol": ["tcp"]}],
            }
            for name in containers or ("app",)
        ],
    } | more
