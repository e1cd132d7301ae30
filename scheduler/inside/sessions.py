"""Commands inside containers: debug sessions of agents, from launch to exit code.

A session has two connections: one for the command's output, which ends with it, and one for its input.
"""

import asyncio
import base64
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import takewhile

import orjson

from scheduler.inside.agent import Agents, agent_named, refused
from scheduler.inside.command_input import CommandInput
from scheduler.inside.exit_status import RESIZED_TOO_EARLY, exit_code, is_killed
from scheduler.inside.http import Http, MesosRefusedError, understanding, unknown_form
from scheduler.inside.upload import upload
from scheduler.loop.inside import InsideError, Output, Run, Size, Why
from scheduler.mesos.recordio import FramingError, Record, RecordReader
from scheduler.model.json import Json

_LARGEST_RECORD = 16 * 1024 * 1024
_WAIT, _STILL_THERE, _REMOVE, _CLOSE = 30.0, 1.0, 15.0, 3.0  # seconds
_STARTS = 6  # attempts for a command whose start is cut short
_END_SHOWS = 3.0  # seconds from a terminal's last input to its last output
_STREAMED = {
    "Content-Type": "application/recordio",
    "Message-Content-Type": "application/json",
    "Accept": "application/json",
}
_NOT_FOUND = 404


class Sessions:
    """Starts sessions, and cleans up after them on agents in the background."""

    def __init__(self, http: Http, agents: Agents) -> None:
        self._http = http
        self._agents = agents
        self._removals: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def session(
        self, run: Run, command: Sequence[str], size: Size | None, term: str
    ) -> AsyncIterator["AgentSession"]:
        """Run a command in the run's container."""
        session = AgentSession(self._http, self._agents, run, _launch(command, size, term), size, self._remove)
        async with contextlib.aclosing(session):
            await session.start()
            yield session

    async def close(self) -> None:
        """Wait until everything is cleaned up, but not too long."""
        if self._removals:
            await asyncio.wait(self._removals, timeout=_CLOSE)

    def _remove(self, run: Run, container_id: Json) -> None:
        task = asyncio.create_task(self._wait_and_remove(run, container_id))
        self._removals.add(task)
        task.add_done_callback(self._removals.discard)

    async def _wait_and_remove(self, run: Run, container_id: Json) -> None:
        """Remove the directory that a session leaves in its container's sandbox."""
        with contextlib.suppress(MesosRefusedError, InsideError):
            await self._agents.call(run, "WAIT_CONTAINER", {"container_id": container_id}, _REMOVE)
            await self._agents.call(run, "REMOVE_CONTAINER", {"container_id": container_id})


def _output(data: Json) -> Output:
    return Output(data["type"] == "STDERR", base64.b64decode(data["data"]))


class AgentSession:
    """One session. One task reads its output, another writes its input."""

    def __init__(
        self,
        http: Http,
        agents: Agents,
        run: Run,
        launch: Json,
        size: Size | None,
        remove: Callable[[Run, Json], None],
    ) -> None:
        """Starts nothing. ``remove`` is called for every container of the session when it ends."""
        self._http = http
        self._agents = agents
        self._run = run
        self._launch = launch
        self._has_terminal = size is not None
        self._remove = remove
        self._command_input = CommandInput(size)
        self._starts = 0
        self._started = contextlib.AsyncExitStack()
        self._container_id: Json = {}
        self._pieces: AsyncIterator[bytes] = _nothing()
        self._end: Json | None = None
        self._input_failed: InsideError | None = None

    async def start(self) -> None:
        """Start the command, or start it again."""
        await self.aclose()
        self._starts += 1
        self._container_id = {"value": f"exec-{uuid.uuid4().hex}", "parent": self._run.container_id}
        self._started.callback(self._remove, self._run, self._container_id)
        launch = {"container_id": self._container_id, **self._launch}
        body = {"type": "LAUNCH_NESTED_CONTAINER_SESSION", "launch_nested_container_session": launch}
        try:
            self._pieces = await self._started.enter_async_context(
                self._http.stream(agent_named(self._run), self._run.agent_url, body, self._agents.headers())
            )
        except MesosRefusedError as error:
            raise refused(self._run, "did not start the command; the container may have ended", error) from error
        # The agent ignores the terminal's size in the launch, so it is sent as input, too.
        records = self._command_input.records(self._container_id, with_size=self._starts < _STARTS)
        self._started.push_async_callback(_cancelled, asyncio.create_task(self._send_input(records)))

    async def aclose(self) -> None:
        """End what was started."""
        await self._started.aclose()

    # ---------------------------------------------------------------------- output

    async def output(self) -> AsyncIterator[Output]:
        """The command's output, until it ends."""
        seen = _Seen()
        while True:
            written, has_started = b"", False
            async for output in self._written():
                if has_started:
                    yield output
                    continue
                written += output.data
                has_started = not self._command_input.is_echo(written)
                if has_started:
                    await self._command_input.command_wrote()
                if news := seen.news(output.data):
                    yield Output(output.is_error, news)
            seen.again(written)
            if not await self._never_started():
                return
            if self._starts == _STARTS or not self._command_input.can_be_repeated:
                raise InsideError(Why.UNABLE, f"{agent_named(self._run)} could not start the command; try again")
            await self.start()

    async def _written(self) -> AsyncIterator[Output]:
        reader = RecordReader(_LARGEST_RECORD)
        async for piece in self._pieces:
            records: list[Record] = []
            try:
                reader.feed(piece, records)
                told = [orjson.loads(each) for each in records]
            except (FramingError, orjson.JSONDecodeError) as error:
                raise InsideError(
                    Why.UNREACHABLE, f"{agent_named(self._run)} sent an invalid answer: {error}"
                ) from error
            with understanding(agent_named(self._run)):
                outputs = [_output(message["data"]) for message in told if message["type"] == "DATA"]
            for output in outputs:
                yield output

    async def _never_started(self) -> bool:
        """Whether Mesos' launcher ended instead of the command, because the terminal's size changed."""
        if not self._has_terminal:
            return False
        with contextlib.suppress(MesosRefusedError, InsideError):  # exit_code() reports the error
            self._end = await self._wait()
        status = None if self._end is None else self._end.get("exit_status")
        return type(status) is int and status in RESIZED_TOO_EARLY

    async def exit_code(self) -> int:
        """The command's exit code."""
        try:
            end = self._end or await self._wait()
        except MesosRefusedError as error:
            if error.status == _NOT_FOUND:
                raise self._ended() from error
            raise refused(self._run, "does not report how the command ended", error) from error
        status: int | None = end.get("exit_status")
        if status is None:
            raise self._ended()
        if type(status) is not int:
            raise unknown_form(agent_named(self._run))
        if is_killed(status) and not await self._container_lives():
            raise self._ended()
        return exit_code(status, has_terminal=self._has_terminal)

    async def _wait(self) -> Json:
        return await self._agents.call(self._run, "WAIT_CONTAINER", {"container_id": self._container_id}, _WAIT)

    async def _container_lives(self) -> bool:
        """Whether the session's container is still running: then waiting for its end gets no answer."""
        try:
            await self._agents.call(self._run, "WAIT_CONTAINER", {"container_id": self._run.container_id}, _STILL_THERE)
        except MesosRefusedError:
            return False
        except InsideError:
            return True
        return False

    def _ended(self) -> InsideError:
        return InsideError(Why.ABSENT, f"the container, and with it the command, ended on {agent_named(self._run)}")

    # ----------------------------------------------------------------------- input

    async def write(self, data: bytes) -> None:
        """Send input to the command."""
        self._require_input()
        await self._command_input.data(data)

    async def end_input(self) -> None:
        """End the command's input."""
        self._require_input()
        await self._command_input.end()

    async def resize(self, size: Size) -> None:
        """Change the size of the command's terminal."""
        self._require_input()
        await self._command_input.resize(size)

    def _require_input(self) -> None:
        if self._input_failed is not None:
            raise self._input_failed

    async def _send_input(self, records: AsyncIterator[bytes]) -> None:
        """Send input to the agent, until cancelled."""
        try:
            headers = {**self._agents.headers(), **_STREAMED}
            await upload(agent_named(self._run), self._run.agent_url, records, headers, self._http.context())
        except MesosRefusedError as error:
            failure = refused(self._run, "accepts no input", error)
        except InsideError as error:
            failure = error
        else:
            failure = InsideError(Why.UNREACHABLE, f"{agent_named(self._run)} no longer accepts input")
        if self._has_terminal:
            await asyncio.sleep(_END_SHOWS)  # the command may have ended and be about to be started again
        self._input_failed = failure
        await self._command_input.refuse()


class _Seen:
    """The echo of terminals whose command never started, so that it is shown only once."""

    def __init__(self) -> None:
        self._all = self._left = b""

    def again(self, written: bytes) -> None:
        """The command is started again after this output."""
        self._all = self._left = max(self._all, written, key=len)

    def news(self, data: bytes) -> bytes:
        """The part of the output that was not shown yet."""
        pairs = zip(self._left, data, strict=False)
        common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        self._left = self._left[common:] if common == len(data) else b""
        return data[common:]


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


def _launch(command: Sequence[str], size: Size | None, term: str) -> Json:
    """The members of the call without the container's id. The arguments start with the program's name."""
    command_info: Json = {"shell": False, "value": command[0], "arguments": list(command)}
    launch: Json = {"command": command_info}
    if size is not None:
        command_info["environment"] = {"variables": [{"name": "TERM", "type": "VALUE", "value": term}]}
        window = {"rows": size.rows, "columns": size.columns}
        launch["container"] = {"type": "MESOS", "tty_info": {"window_size": window}}
    return launch


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait((task,))
