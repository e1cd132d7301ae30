"""Commands inside containers: an agent's debug session, from its launch to its exit code.

Two connections a session: what the command writes comes on the one, and ends it; what it is to read goes on the other.
"""

import asyncio
import base64
import contextlib
import signal
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import takewhile

import orjson

from scheduler.inside.agent import Agents, agent_named, refused
from scheduler.inside.given import Given
from scheduler.inside.http import Http, MesosRefusedError, understanding, unknown_form
from scheduler.inside.upload import upload
from scheduler.loop.inside import InsideError, Output, Run, Size, Why
from scheduler.mesos.recordio import FramingError, Record, RecordReader
from scheduler.model.json import Json

_LARGEST_RECORD = 16 * 1024 * 1024
_WAIT, _STILL_THERE, _REMOVE, _CLOSE = 30.0, 1.0, 15.0, 3.0
_STARTS = 6  # a command whose start was cut short is started again
_END_SHOWS = 3.0  # seconds from a terminal's last input to its last output
_STREAMED = {
    "Content-Type": "application/recordio",
    "Message-Content-Type": "application/json",
    "Accept": "application/json",
}
_NOT_FOUND = 404
_COULD_NOT_START = 127  # as shells say it


def _cut_short(number: int) -> dict[int, int]:
    """The wait statuses that tell of a signal before the command's start, and the signal.

    Mesos' launcher and its child, which is not the command yet, each append to one file what they die of, a signal's
    number or the wait status of an exit with 1.
    """
    return {int(text): number for text in (f"{number}", f"{number}{number}", f"{number}256")}


_RESIZED_TOO_EARLY = _cut_short(signal.SIGWINCH)
# Keys that were typed ahead. What they do to the launcher, which has no defaults, they would not do to a command.
_KEY_TOO_EARLY = _cut_short(signal.SIGINT) | _cut_short(signal.SIGQUIT) | _cut_short(signal.SIGTSTP)


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
        session = AgentSession(self._http, self._agents, run, _launch(command, size, term), size, self._remove)
        async with contextlib.aclosing(session):
            await session.start()
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
        with contextlib.suppress(MesosRefusedError, InsideError):
            await self._agents.call(run, "WAIT_CONTAINER", {"container_id": container_id}, _REMOVE)
            await self._agents.call(run, "REMOVE_CONTAINER", {"container_id": container_id})


def _output(data: Json) -> Output:
    return Output(data["type"] == "STDERR", base64.b64decode(data["data"]))


class AgentSession:
    """One session. Its output is read by one task, its input given by another."""

    def __init__(
        self,
        http: Http,
        agents: Agents,
        run: Run,
        launch: Json,
        size: Size | None,
        remove: Callable[[Run, Json], None],
    ) -> None:
        """Nothing is started. ``remove`` is told of every container of the session when it is left."""
        self._http = http
        self._agents = agents
        self._run = run
        self._launch = launch
        self._has_terminal = size is not None
        self._remove = remove
        self._given = Given(size)
        self._starts = 0
        self._started = contextlib.AsyncExitStack()
        self._container_id: Json = {}
        self._pieces: AsyncIterator[bytes] = _nothing()
        self._end: Json | None = None
        self._input_failed: InsideError | None = None

    async def start(self) -> None:
        """Have the agent start the command, or start it again."""
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
            raise refused(self._run, "does not start the command; the container may have ended", error) from error
        # What the launch says of the terminal's size the agent forgets.
        records = self._given.records(self._container_id, with_size=self._starts < _STARTS)
        self._started.push_async_callback(_cancelled, asyncio.create_task(self._send_input(records)))

    async def aclose(self) -> None:
        """Leave what was started, which ends with it."""
        await self._started.aclose()

    # ---------------------------------------------------------------------- output

    async def output(self) -> AsyncIterator[Output]:
        """What the command writes, until it ends."""
        seen = _Seen()
        while True:
            written, has_started = b"", False
            async for output in self._written():
                if has_started:
                    yield output
                    continue
                written += output.data
                has_started = not self._given.is_echo(written)
                if has_started:
                    await self._given.command_wrote()
                if news := seen.news(output.data):
                    yield Output(output.is_error, news)
            seen.again(written)
            if not await self._never_started():
                return
            if self._starts == _STARTS or not self._given.can_be_repeated:
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
                raise InsideError(Why.AWAY, f"{agent_named(self._run)} sends what is no session: {error}") from error
            with understanding(agent_named(self._run)):
                outputs = [_output(message["data"]) for message in told if message["type"] == "DATA"]
            for output in outputs:
                yield output

    async def _never_started(self) -> bool:
        """Whether what ended was Mesos' launcher, of a change of the terminal's size."""
        if not self._has_terminal:
            return False
        with contextlib.suppress(MesosRefusedError, InsideError):  # who asks for the exit code is told
            self._end = await self._wait()
        status = None if self._end is None else self._end.get("exit_status")
        return type(status) is int and status in _RESIZED_TOO_EARLY

    async def exit_code(self) -> int:
        """How the command ended."""
        try:
            told = self._end or await self._wait()
        except MesosRefusedError as error:
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
        if self._has_terminal and status in _KEY_TOO_EARLY:
            return 128 + _KEY_TOO_EARLY[status]
        return _exit_code(status)

    async def _wait(self) -> Json:
        return await self._agents.call(self._run, "WAIT_CONTAINER", {"container_id": self._container_id}, _WAIT)

    async def _container_lives(self) -> bool:
        """Whether the container of the session goes on: while it does, waiting for its end brings no answer."""
        try:
            await self._agents.call(self._run, "WAIT_CONTAINER", {"container_id": self._run.container_id}, _STILL_THERE)
        except MesosRefusedError:
            return False
        except InsideError:
            return True
        return False

    def _ended(self) -> InsideError:
        return InsideError(Why.ABSENT, f"the container ended on {agent_named(self._run)}, and the command with it")

    # ----------------------------------------------------------------------- input

    async def write(self, data: bytes) -> None:
        """Give the command input."""
        self._require_input()
        await self._given.data(data)

    async def end_input(self) -> None:
        """There is no more."""
        self._require_input()
        await self._given.end()

    async def resize(self, size: Size) -> None:
        """Its terminal has another size."""
        self._require_input()
        await self._given.resize(size)

    def _require_input(self) -> None:
        if self._input_failed is not None:
            raise self._input_failed

    async def _send_input(self, records: AsyncIterator[bytes]) -> None:
        """Carry input to the agent, until cancelled."""
        try:
            headers = {**self._agents.headers(), **_STREAMED}
            await upload(agent_named(self._run), self._run.agent_url, records, headers, self._http.context())
        except MesosRefusedError as error:
            failure = refused(self._run, "takes no input", error)
        except InsideError as error:
            failure = error
        else:
            failure = InsideError(Why.AWAY, f"{agent_named(self._run)} takes no more input")
        if self._has_terminal:
            await asyncio.sleep(_END_SHOWS)  # where the command has ended, it is perhaps to be started again
        self._input_failed = failure
        await self._given.refuse()


class _Seen:
    """What terminals echoed at starts that were cut short: it was shown, and is not shown again."""

    def __init__(self) -> None:
        self._all = self._left = b""

    def again(self, written: bytes) -> None:
        """It begins anew, after this."""
        self._all = self._left = max(self._all, written, key=len)

    def news(self, data: bytes) -> bytes:
        """What of it was not shown."""
        pairs = zip(self._left, data, strict=False)
        common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        self._left = self._left[common:] if common == len(data) else b""
        return data[common:]


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


def _launch(command: Sequence[str], size: Size | None, term: str) -> Json:
    """The members of the call but the container's id. The arguments begin with the program's name."""
    told: Json = {"shell": False, "value": command[0], "arguments": list(command)}
    launch: Json = {"command": told}
    if size is not None:
        told["environment"] = {"variables": [{"name": "TERM", "type": "VALUE", "value": term}]}
        window = {"rows": size.rows, "columns": size.columns}
        launch["container"] = {"type": "MESOS", "tty_info": {"window_size": window}}
    return launch


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
