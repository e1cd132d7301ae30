"""Commands inside containers: an agent's debug session, from its launch to its exit code.

Two connections a session: what the command writes comes on the one, and ends it; what it is to read goes on the other.
"""

import asyncio
import base64
import contextlib
import signal
import uuid
from collections.abc import AsyncIterator, Sequence

import orjson

from scheduler.inside.agent import Agents, agent_named, refused
from scheduler.inside.http import Http, RefusedError, record, understanding, unknown_form
from scheduler.inside.upload import upload
from scheduler.mesos.recordio import FramingError, Record, RecordReader
from scheduler.model.json import Json
from scheduler.shell.inside import InsideError, Output, Run, Size, Why

_HEARTBEAT = 20.0  # of the input, whose connection nothing else keeps alive
_LARGEST_RECORD = 16 * 1024 * 1024
_INPUT_CHUNK = 64 * 1024
_INPUT_AHEAD = 8  # chunks that wait for the agent
_END_OF_TRANSMISSION = b"\x04"
_WAIT, _STILL_THERE, _REMOVE, _CLOSE = 30.0, 1.0, 15.0, 3.0
_STREAMED = {
    "Content-Type": "application/recordio",
    "Message-Content-Type": "application/json",
    "Accept": "application/json",
}
_NOT_FOUND = 404
_COULD_NOT_START = 127  # as shells say it


class Sessions:
    """Begins sessions; what they leave on agents is removed in the background."""

    def __init__(self, http: Http, agents: Agents) -> None:
        self._http = http
        self._agents = agents
        self._removals: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def session(
        self, run: Run, command: Sequence[str], size: Size | None, term: str
    ) -> AsyncIterator["AgentSession"]:
        """Run a command in the run's container."""
        container_id: Json = {"value": f"exec-{uuid.uuid4().hex}", "parent": run.container_id}
        launch = _launch(container_id, command, size, term)
        body = {"type": "LAUNCH_NESTED_CONTAINER_SESSION", "launch_nested_container_session": launch}
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self._remove, run, container_id)
            try:
                pieces = await stack.enter_async_context(
                    self._http.stream(agent_named(run), run.agent_url, body, self._agents.headers())
                )
            except RefusedError as error:
                raise _not_started(run, error) from error
            session = AgentSession(self._agents, run, container_id, pieces, has_terminal=size is not None)
            sending = asyncio.create_task(session.send_input(self._http))
            stack.push_async_callback(_cancelled, sending)
            if size is not None:
                await session.resize(size)  # what the launch says of it the agent forgets
            yield session

    async def close(self) -> None:
        """Return when nothing is left to be removed, or cannot be removed in time."""
        if self._removals:
            await asyncio.wait(self._removals, timeout=_CLOSE)

    def _remove(self, run: Run, container_id: Json) -> None:
        task = asyncio.create_task(self._wait_and_remove(run, container_id))
        self._removals.add(task)
        task.add_done_callback(self._removals.discard)

    async def _wait_and_remove(self, run: Run, container_id: Json) -> None:
        """A session leaves a directory in the sandbox of its container; nobody else would remove it."""
        with contextlib.suppress(RefusedError, InsideError):
            await self._agents.call(run, "WAIT_CONTAINER", {"container_id": container_id}, _REMOVE)
            await self._agents.call(run, "REMOVE_CONTAINER", {"container_id": container_id})


def _output(data: Json) -> Output:
    return Output(data["type"] == "STDERR", base64.b64decode(data["data"]))


class AgentSession:
    """One session. Its output is read by one task, its input given by another."""

    def __init__(
        self, agents: Agents, run: Run, container_id: Json, pieces: AsyncIterator[bytes], *, has_terminal: bool
    ) -> None:
        self._agents = agents
        self._run = run
        self._container_id = container_id
        self._pieces = pieces
        self._has_terminal = has_terminal
        self._input: asyncio.Queue[bytes] = asyncio.Queue(_INPUT_AHEAD)
        self._input_failed: InsideError | None = None

    # ---------------------------------------------------------------------- output

    async def output(self) -> AsyncIterator[Output]:
        """What the command writes, until it ends."""
        reader = RecordReader(_LARGEST_RECORD)
        async for piece in self._pieces:
            records: list[Record] = []
            try:
                reader.feed(piece, records)
                told = [orjson.loads(each) for each in records]
            except (FramingError, orjson.JSONDecodeError) as error:
                raise InsideError(Why.AWAY, f"{agent_named(self._run)} sends what is no session: {error}") from error
            with understanding(agent_named(self._run)):
                outputs = [_output(message["data"]) for message in told if message["type"] == "DATA"]
            for output in outputs:
                yield output

    async def exit_code(self) -> int:
        """How the command ended."""
        try:
            told = await self._agents.call(self._run, "WAIT_CONTAINER", {"container_id": self._container_id}, _WAIT)
        except RefusedError as error:
            if error.status == _NOT_FOUND:
                raise self._ended() from error
            raise refused(self._run, "does not tell how the command ended", error) from error
        status: int | None = told.get("exit_status")
        if status is None:
            raise self._ended()
        if type(status) is not int:
            raise unknown_form(agent_named(self._run))
        if status & 0x7F == signal.SIGKILL and not await self._container_lives():
            raise self._ended()
        return _exit_code(status)

    async def _container_lives(self) -> bool:
        """Whether the container of the session goes on: while it does, waiting for its end brings no answer."""
        try:
            await self._agents.call(self._run, "WAIT_CONTAINER", {"container_id": self._run.container_id}, _STILL_THERE)
        except RefusedError:
            return False
        except InsideError:
            return True
        return False

    def _ended(self) -> InsideError:
        return InsideError(Why.ABSENT, f"the container ended on {agent_named(self._run)}, and the command with it")

    # ----------------------------------------------------------------------- input

    async def write(self, data: bytes) -> None:
        """Give the command input."""
        for start in range(0, len(data), _INPUT_CHUNK):
            await self._put(_data(data[start : start + _INPUT_CHUNK]))

    async def end_input(self) -> None:
        """A terminal has no end; its line discipline makes one of a character."""
        await self._put(_data(_END_OF_TRANSMISSION if self._has_terminal else b""))

    async def resize(self, size: Size) -> None:
        """Its terminal has another size."""
        window = {"rows": size.rows, "columns": size.columns}
        await self._put({"type": "CONTROL", "control": {"type": "TTY_INFO", "tty_info": {"window_size": window}}})

    async def send_input(self, http: Http) -> None:
        """Carry input to the agent, until cancelled."""
        try:
            headers = {**self._agents.headers(), **_STREAMED}
            await upload(agent_named(self._run), self._run.agent_url, self._records(), headers, http.context())
        except RefusedError as error:
            self._input_failed = refused(self._run, "takes no input", error)
        except InsideError as error:
            self._input_failed = error
        else:
            self._input_failed = InsideError(Why.AWAY, f"{agent_named(self._run)} takes no more input")
        while True:  # whoever waits to write more
            await self._input.get()

    async def _put(self, process_io: Json) -> None:
        if self._input_failed is not None:
            raise self._input_failed
        message = {"type": "PROCESS_IO", "process_io": process_io}
        await self._input.put(record({"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": message}))

    async def _records(self) -> AsyncIterator[bytes]:
        attach = {"type": "CONTAINER_ID", "container_id": self._container_id}
        yield record({"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": attach})
        while True:
            try:
                async with asyncio.timeout(_HEARTBEAT):
                    waiting = await self._input.get()
            except TimeoutError:
                waiting = _heartbeat()
            yield waiting


def _launch(container_id: Json, command: Sequence[str], size: Size | None, term: str) -> Json:
    """The members of the call. The arguments begin with the program's name."""
    told: Json = {"shell": False, "value": command[0], "arguments": list(command)}
    launch: Json = {"container_id": container_id, "command": told}
    if size is not None:
        told["environment"] = {"variables": [{"name": "TERM", "type": "VALUE", "value": term}]}
        window = {"rows": size.rows, "columns": size.columns}
        launch["container"] = {"type": "MESOS", "tty_info": {"window_size": window}}
    return launch


def _not_started(run: Run, error: RefusedError) -> InsideError:
    return refused(run, "does not start the command; the container may have ended", error)


def _data(data: bytes) -> Json:
    return {"type": "DATA", "data": {"type": "STDIN", "data": base64.b64encode(data).decode()}}


def _heartbeat() -> bytes:
    interval = {"nanoseconds": round(_HEARTBEAT * 1e9)}
    process_io = {"type": "CONTROL", "control": {"type": "HEARTBEAT", "heartbeat": {"interval": interval}}}
    message = {"type": "PROCESS_IO", "process_io": process_io}
    return record({"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": message})


def _exit_code(status: int) -> int:
    """Of a raw wait status. Mesos' launcher exits with 1000 and more if there is no such program."""
    number = status & 0x7F
    if number:
        return 128 + number
    code = status >> 8
    return code if code <= 0xFF else _COULD_NOT_START


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait((task,))
