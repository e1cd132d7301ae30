"""The edge that looks inside, against a fake master and agent."""

import asyncio
import base64
import contextlib
import json
import signal
import stat
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from podexec.wire import UsageAnswer, UsageQuestion, Use
from scheduler.core.effects import InspectExecutor
from scheduler.core.events import Event, ExecutorInspected
from scheduler.inside import Edge, agent, command_input, executors, http, inspector
from scheduler.inside.executor_output import plain_lines
from scheduler.inside.executors import Executors
from scheduler.inside.master import Leader
from scheduler.loop.inside import FileInfo, InsideError, Output, Piece, Run, Session, Size, Usage, Why
from scheduler.loop.roles import RoleState
from scheduler.mesos.credentials import Credentials
from tests.fakes.operator_api import (
    AGENT,
    CONTAINER,
    DEADLINE,
    FRAMEWORK,
    FakeOperatorApi,
    FakeSession,
    container_id,
    fake_operator_api,
    framed,
)
from tests.fakes.operator_api import status as told_by
from tests.fakes.operator_api import task as task_with

SANDBOX = f"/frameworks/{FRAMEWORK}/executors/E-1/runs/latest/containers/web-1"


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test that is a coroutine."""
    asyncio.run(scenario())


@contextlib.asynccontextmanager
async def edge_to(
    mesos: FakeOperatorApi,
    leader: Leader | None = None,
    credentials: Credentials | None = None,
    agent_credentials: Credentials | None = None,
    executors_: Executors | None = None,
) -> AsyncIterator[Edge]:
    """The edge, by default without credentials and with executors that do not answer."""
    found = leader or Leader(f"127.0.0.1:{mesos.port}", FRAMEWORK)
    edge = Edge(
        lambda: found,
        credentials or Credentials(),
        agent_credentials or Credentials(),
        None,
        executors_ or Executors(lambda *_: None),
    )
    try:
        yield edge
    finally:
        await edge.close()


@contextlib.asynccontextmanager
async def inside() -> AsyncIterator[tuple[FakeOperatorApi, Edge]]:
    """The fake master and agent."""
    async with fake_operator_api() as mesos, edge_to(mesos) as edge:
        yield mesos, edge


@contextlib.contextmanager
def refusing(why: Why, *words: str) -> Any:
    """The block raises an error that contains these words."""
    with pytest.raises(InsideError) as error:
        yield
    assert error.value.why is why
    for word in words:
        assert word in str(error.value)


# -------------------------------------------------------------------------- where it is


def test_the_master_says_where_a_task_runs() -> None:
    """The last status that names a nested container counts; statuses made by agents name the executor's."""

    async def scenario() -> None:
        async with inside() as (mesos, edge):
            mesos.tasks["T-1"] = task_with(
                told_by(container_id("older", "root")), told_by(CONTAINER), told_by(container_id("root")), told_by(None)
            )
            url = f"http://127.0.0.1:{mesos.port}/slave(1)/api/v1"
            expected = Run("host-1", AGENT, url, "E-1", CONTAINER, SANDBOX, False)
            assert await edge.run_of("T-1") == expected
            mesos.tasks["T-1"] |= {"state": "TASK_KILLED"}
            assert (await edge.run_of("T-1")).ended

    run(scenario)


def test_the_run_before_is_known_by_the_number_of_restarts() -> None:
    async def scenario() -> None:
        async with inside() as (mesos, edge):
            assert edge.run_before(await edge.run_of("T-1"), 0) is None
            mesos.tasks["T-1"] = task_with(told_by(container_id("web-ab-2", "root")))
            found = edge.run_before(await edge.run_of("T-1"), 2)
            assert found is not None
            assert (found.container_id, found.sandbox[-8:]) == (container_id("web-ab-1", "root"), "web-ab-1")
            assert edge.run_before(await edge.run_of("T-1"), 3) is None

    run(scenario)


def test_what_is_nowhere_is_told_as_such() -> None:
    async def scenario() -> None:
        async with inside() as (mesos, edge):
            with refusing(Why.ABSENT, "does not know task T-2"):
                await edge.run_of("T-2")
            mesos.tasks["T-1"] = task_with(told_by(container_id("root")), state="TASK_STAGING")
            with refusing(Why.ABSENT, "has not started", "TASK_STAGING"):
                await edge.run_of("T-1")
            mesos.tasks["T-1"] = task_with(told_by(CONTAINER))
            mesos.agent_is_active = False
            with refusing(Why.UNREACHABLE, "agent A-1 is not connected to the master"):
                await edge.run_of("T-1")
            mesos.refusals["/slaves"] = (403, "not you")
            with refusing(Why.UNABLE, "refused /slaves: not you"):
                await edge.run_of("T-1")
            mesos.refusals["/tasks"] = (503, "not yet")
            with refusing(Why.UNREACHABLE, "is not ready: not yet"):
                await edge.run_of("T-1")
            async with edge_to(mesos, Leader(None, FRAMEWORK)) as lost:
                with refusing(Why.UNREACHABLE, "not connected to a Mesos master"):
                    await lost.run_of("T-1")
            async with edge_to(mesos, Leader("127.0.0.1:1", FRAMEWORK)) as lost:
                with refusing(Why.UNREACHABLE, "the master 127.0.0.1:1 cannot be reached"):
                    await lost.run_of("T-1")

    run(scenario)


def test_the_master_tells_the_quota_of_roles() -> None:
    quota = {
        "role": "web",
        "limit": {"cpus": 2, "mem": 64.5},
        "consumed": {"cpus": 1.5, "ports": "[1-2]"},
    }
    without = {"name": "*", "weight": 1.0, "frameworks": ["F"], "resources": {"cpus": 1}}

    async def scenario() -> None:
        async with inside() as (mesos, edge):
            mesos.roles = {"roles": [without, {"name": "web", "weight": 2.5, "quota": quota}]}
            assert await edge.roles() == {
                "*": RoleState(1.0),
                "web": RoleState(2.5, {"cpus": 2.0, "mem": 64.5}, {"cpus": 1.5}),
            }
            mesos.roles = {"roles": None}
            assert await edge.roles() == {}
            mesos.refusals["/roles"] = (403, "not you")
            with refusing(Why.UNABLE, "refused /roles: not you"):
                await edge.roles()

    run(scenario)


@pytest.mark.parametrize(
    "answered",
    [
        [],
        "roles",
        {"roles": 5},
        {"roles": [None]},
        {"roles": [{}]},
        {"roles": [{"name": ["x"]}]},
        {"roles": [{"name": "x", "weight": "heavy"}]},
        {"roles": [{"name": "x", "quota": "none"}]},
        {"roles": [{"name": "x", "quota": {"limit": [1]}}]},
    ],
    ids=str,
)
def test_roles_that_cannot_be_read(answered: Any) -> None:
    async def scenario() -> None:
        async with inside() as (mesos, edge):
            mesos.roles = answered
            with refusing(Why.UNABLE, "format"):
                await edge.roles()

    run(scenario)


def test_masters_and_agents_are_told_different_credentials(tmp_path: Path) -> None:
    """Any machine may claim to be an agent."""
    secret = tmp_path / "secret"
    secret.write_text("s3")

    async def scenario() -> None:
        async with fake_operator_api() as mesos:
            own, agents = Credentials.basic("framework", secret), Credentials.basic("looker", secret)
            async with edge_to(mesos, credentials=own, agent_credentials=agents) as edge:
                mesos.files[f"{SANDBOX}/x"] = b"y"
                await edge.read_file(await edge.run_of("T-1"), "x", 0, 1)
            assert {path: _user(told) for path, told in mesos.authorizations.items()} == {
                "/tasks": "framework",
                "/slaves": "framework",
                "LIST_FILES": "looker",
                "READ_FILE": "looker",
            }
            async with edge_to(mesos) as edge:
                await edge.read_file(await edge.run_of("T-1"), "x", 0, 1)
            assert set(mesos.authorizations.values()) == {None}

    run(scenario)


def _user(header: str | None) -> str:
    assert header is not None
    return base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")[0]


# ------------------------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("mode", "kind"),
    [(stat.S_IFIFO, "pipe"), (stat.S_IFSOCK, "socket"), (stat.S_IFCHR, "device"), (stat.S_IFDIR, "directory"), (0, "")],
)
def test_only_files_are_read_as_agents_open_whatever_is_there(mode: int, kind: str) -> None:
    """A pipe blocks a real agent; the fake fails if it is asked for it."""

    async def scenario() -> None:
        async with inside() as (mesos, edge):
            mesos.files |= {f"{SANDBOX}/stdout": b"line", f"{SANDBOX}/deep/x": b""}
            found = await edge.run_of("T-1")
            mesos.modes[f"{SANDBOX}/stdout"] = mesos.modes[f"{SANDBOX}/deep/x"] = mode | 0o666
            for path in ("stdout", "deep/x"):
                with refusing(Why.UNABLE, path, kind):
                    await edge.read_file(found, path, 0, 10)
            assert "READ_FILE" not in mesos.authorizations
            del mesos.modes[f"{SANDBOX}/stdout"]
            assert (await edge.read_file(found, "stdout", 0, 10)).data == b"line"

    run(scenario)


def test_a_file_that_becomes_a_pipe_while_it_is_read_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look holds for a moment only; and nothing is opened when there is nothing new."""

    async def scenario() -> None:
        async with inside() as (mesos, edge):
            mesos.files[f"{SANDBOX}/stdout"] = b"x" * 100
            found = await edge.run_of("T-1")
            assert len((await edge.read_file(found, "stdout", 0, 10)).data) == 10
            monkeypatch.setattr(agent, "_LOOK_HOLDS", 0.0)
            del mesos.authorizations["READ_FILE"]
            assert await edge.read_file(found, "stdout", 100, 10) == Piece(b"", 100)
            assert "READ_FILE" not in mesos.authorizations
            mesos.modes[f"{SANDBOX}/stdout"] = stat.S_IFIFO | 0o666
            with refusing(Why.UNABLE, "it is a pipe"):
                await edge.read_file(found, "stdout", 10, 10)

    run(scenario)


def test_an_agent_that_waits_for_a_pipe_is_told_of_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """The container has replaced the file between the look and the read."""

    async def scenario() -> None:
        async with inside() as (mesos, edge):
            mesos.files[f"{SANDBOX}/stdout"] = b"x"
            mesos.silent.add("READ_FILE")
            found = await edge.run_of("T-1")
            with refusing(Why.UNREACHABLE, "does not return 'stdout'", "until it is restarted"):
                await edge.read_file(found, "stdout", 0, 10)

    monkeypatch.setattr(agent, "_READ", 0.2)
    run(scenario)


def test_files_are_listed_and_read() -> None:
    async def scenario() -> None:
        async with inside() as (mesos, edge):
            mesos.files[f"{SANDBOX}/deep/file"] = b"0123456789"
            found = await edge.run_of("T-1")
            assert await edge.list_files(found, "deep") == [FileInfo("file", 0o100644, 10, 1.5, "u", "g")]
            piece = await edge.read_file(found, "deep/file", 2, 3)
            assert (piece.data, piece.size) == (b"234", 10)
            with refusing(Why.ABSENT, "agent host-1 has no 'none'"):
                await edge.read_file(found, "none", 0, 1)
            with refusing(Why.UNABLE, "'deep'", "directory"):
                await edge.read_file(found, "deep", 0, 1)
            with refusing(Why.ABSENT, "no 'none'"):
                await edge.list_files(found, "none")
            mesos.refusals["READ_FILE"] = (400, "Cannot be read")
            with refusing(Why.UNABLE, "Cannot be read"):
                await edge.read_file(found, "deep/file", 0, 1)
            mesos.refusals["READ_FILE"] = (401, "who?")
            with refusing(Why.UNABLE, "--mesos-agent-authentication-principal"):
                await edge.read_file(found, "deep/file", 0, 1)

    run(scenario)


# --------------------------------------------------------------------------------- use


def statistics(container: dict[str, Any], **measured: float) -> dict[str, Any]:
    """A container as agents report it."""
    return {"container_status": {"container_id": container}, "resource_statistics": {"timestamp": 5.0} | measured}


MEASURED = {
    "cpus_user_time_secs": 1.0,
    "cpus_system_time_secs": 0.5,
    "cpus_limit": 0.2,
    "mem_rss_bytes": 100,
    "mem_limit_bytes": 200,
    "processes": 3,
}


def test_use_is_that_of_the_pods_own_containers() -> None:
    async def scenario() -> None:
        async with inside() as (mesos, edge):
            mesos.containers = [
                statistics(container_id("root"), **MEASURED),
                statistics(CONTAINER, **MEASURED),
                statistics(container_id("exec-1", "web-1", "root"), **MEASURED),
                statistics(container_id("other"), **MEASURED),
                statistics(container_id("web-1", "other"), **MEASURED),
            ]
            used = Usage(5.0, 1.5, 0.2, 100, 200, 3)
            assert await edge.usage(await edge.run_of("T-1")) == {"": used, "web-1": used}

    run(scenario)


def test_executors_are_asked_for_what_agents_do_not_measure() -> None:
    """Limits are the agent's; other messages and late answers are ignored."""

    async def scenario() -> None:
        asked: list[tuple[str, str, int]] = []

        def send(agent_id: str, executor_id: str, data: str) -> None:
            number = UsageQuestion.decode(data).number
            asked.append((agent_id, executor_id, number))
            for message in (
                "nonsense",
                UsageAnswer(number + 7, 1.0, {}).encode(),
                UsageAnswer(number, 6.0, {"web-1": Use(2.5, 77, 4)}).encode(),
                UsageAnswer(number, 6.5, {}).encode(),
            ):
                several.heard(message)

        several = Executors(send)
        async with fake_operator_api() as mesos, edge_to(mesos, executors_=several) as edge:
            mesos.containers = [
                statistics(container_id("root"), **MEASURED),
                statistics(CONTAINER, mem_limit_bytes=200),
            ]
            used = await edge.usage(await edge.run_of("T-1"))
        assert asked == [(AGENT, "E-1", 1)]
        assert used["web-1"] == Usage(6.0, 2.5, None, 77, 200, 4)
        assert used[""].memory_bytes == 100

    run(scenario)


def test_an_executor_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "_PATIENCE", 0.05)

    async def scenario() -> None:
        async with inside() as (mesos, edge):
            mesos.containers = [statistics(CONTAINER)]
            assert await edge.usage(await edge.run_of("T-1")) == {"web-1": Usage(5.0)}

    run(scenario)


# ---------------------------------------------------------------------------- commands


async def output(session: Session) -> list[Output]:
    """All output."""
    return [each async for each in session.output()]


@pytest.mark.parametrize(("status", "code"), [(0, 0), (7 << 8, 7), (9, 137), (15, 143), (1001 << 8, 127), (0x8B, 139)])
def test_a_command_is_run_and_its_end_told(status: int, code: int) -> None:
    async def scenario() -> None:
        async with inside() as (mesos, edge):
            found = await edge.run_of("T-1")
            async with edge.session(found, ("sh", "-c", "x"), None, "") as session:
                there = await mesos.session()
                launched = there.launch["container_id"]
                assert launched["parent"] == CONTAINER
                assert there.launch["command"] == {"shell": False, "value": "sh", "arguments": ["sh", "-c", "x"]}
                assert "container" not in there.launch
                there.writes(b"out")
                there.output.put_nowait(framed({"type": "CONTROL", "control": {"type": "HEARTBEAT"}}))
                there.writes(b"err", "STDERR")
                mesos.ended[launched["value"]] = status
                there.output.put_nowait(None)
                assert await output(session) == [Output(False, b"out"), Output(True, b"err")]
                assert await session.exit_code() == code
        assert mesos.removed == [launched["value"]]

    run(scenario)


def test_input_the_size_of_the_terminal_and_signs_of_life_reach_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The size comes first, since agents ignore it in the launch."""
    monkeypatch.setattr(command_input, "_HEARTBEAT", 0.2)

    async def scenario() -> None:
        async with (
            inside() as (mesos, edge),
            edge.session(await edge.run_of("T-1"), ("sh",), Size(20, 80), "vt100") as session,
        ):
            there = await mesos.session()
            window = {"rows": 20, "columns": 80}
            assert there.launch["container"] == {"type": "MESOS", "tty_info": {"window_size": window}}
            [variable] = there.launch["command"]["environment"]["variables"]
            assert (variable["name"], variable["value"]) == ("TERM", "vt100")
            async with asyncio.timeout(DEADLINE):
                attach = await there.input.get()
                assert attach == {"type": "CONTAINER_ID", "container_id": there.launch["container_id"]}
                assert (await there.input.get())["process_io"]["control"]["tty_info"]["window_size"] == window
                await session.write(b"a" * 100_000)
                data = b"".join([_data(await there.input.get()), _data(await there.input.get())])
                assert data == b"a" * 100_000
                await session.end_input()
                assert _data(await there.input.get()) == b"\x04"
                assert (await there.input.get())["process_io"]["control"]["type"] == "HEARTBEAT"

    run(scenario)


def test_the_end_of_input_without_a_terminal_is_empty_data() -> None:
    async def scenario() -> None:
        async with inside() as (mesos, edge), edge.session(await edge.run_of("T-1"), ("cat",), None, "") as session:
            there = await mesos.session()
            await session.end_input()
            async with asyncio.timeout(DEADLINE):
                await there.input.get()
                assert _data(await there.input.get()) == b""

    run(scenario)


def _data(message: dict[str, Any]) -> bytes:
    return base64.b64decode(message["process_io"]["data"]["data"])


async def second_session(mesos: FakeOperatorApi) -> FakeSession:
    """The session that replaces the first."""
    async with asyncio.timeout(DEADLINE):
        while len(mesos.sessions) < 2:
            await asyncio.sleep(0.01)
    return mesos.sessions[1]


@pytest.mark.parametrize("status", [28, 2828, 28256])
def test_a_command_whose_start_a_resize_cut_short_is_started_again(status: int) -> None:
    """With the current size and all input so far; further sizes wait until it has written something."""

    async def scenario() -> None:
        async with (
            inside() as (mesos, edge),
            edge.session(await edge.run_of("T-1"), ("sh",), Size(20, 80), "vt100") as session,
        ):
            first = await mesos.session()
            reading = asyncio.create_task(output(session))
            assert [(await first.input.get())["type"] for _ in range(2)] == ["CONTAINER_ID", "PROCESS_IO"]
            await session.write(b"typed\x03 ahead\n")
            first.writes(b"typed^C ")
            await session.resize(Size(30, 90))
            assert (await first.input.get())["process_io"]["type"] == "DATA"
            assert first.input.empty()
            mesos.ended[first.launch["container_id"]["value"]] = status
            first.output.put_nowait(None)

            second = await second_session(mesos)
            assert second.launch["container_id"] != first.launch["container_id"]
            assert (await second.input.get())["container_id"] == second.launch["container_id"]
            size, data = [(await second.input.get())["process_io"] for _ in range(2)]
            assert size["control"]["tty_info"] == {"window_size": {"rows": 30, "columns": 90}}
            assert base64.b64decode(data["data"]["data"]) == b"typed\x03 ahead\n"
            second.writes(b"typed^C ahead\r\n")
            await session.resize(Size(40, 99))
            second.writes(b"$ ")
            size = (await second.input.get())["process_io"]
            assert size["control"]["tty_info"] == {"window_size": {"rows": 40, "columns": 99}}
            mesos.ended[second.launch["container_id"]["value"]] = 3 << 8
            second.output.put_nowait(None)
            # The echo is shown once.
            assert await reading == [Output(False, b"typed^C "), Output(False, b"ahead\r\n"), Output(False, b"$ ")]
            assert await session.exit_code() == 3
        assert len(mesos.removed) == 2

    run(scenario)


def test_a_command_that_cannot_be_started_again_is_an_error() -> None:
    """Since not all of its input is kept; and outside of a terminal such a status is the command's own."""

    async def scenario() -> None:
        async with inside() as (mesos, edge):
            found = await edge.run_of("T-1")
            async with edge.session(found, ("sh",), Size(20, 80), "vt100") as session:
                there = await mesos.session()
                await session.write(b"a" * 100_000)
                async with asyncio.timeout(DEADLINE):
                    for _ in ("attach", "size", "data", "data"):
                        await there.input.get()
                mesos.ended[there.launch["container_id"]["value"]] = 2828
                there.output.put_nowait(None)
                with refusing(Why.UNABLE, "could not start the command"):
                    await output(session)
            mesos.begun.clear()
            async with edge.session(found, ("sh",), None, "") as session:
                there = await mesos.session()
                mesos.ended[there.launch["container_id"]["value"]] = signal.SIGWINCH
                there.output.put_nowait(None)
                assert await output(session) == []
                assert await session.exit_code() == 128 + signal.SIGWINCH

    run(scenario)


def test_ctrl_c_before_the_commands_start_ends_it() -> None:
    """With the same exit code as in a shell."""

    async def scenario() -> None:
        async with (
            inside() as (mesos, edge),
            edge.session(await edge.run_of("T-1"), ("sh",), Size(20, 80), "vt100") as session,
        ):
            there = await mesos.session()
            mesos.ended[there.launch["container_id"]["value"]] = 2256
            there.output.put_nowait(None)
            assert await output(session) == []
            assert await session.exit_code() == 130

    run(scenario)


def test_leaving_a_session_ends_and_removes_it() -> None:
    async def scenario() -> None:
        async with inside() as (mesos, edge), edge.session(await edge.run_of("T-1"), ("sh",), None, ""):
            there = await mesos.session()
        assert mesos.removed == [there.launch["container_id"]["value"]]

    run(scenario)


@pytest.mark.parametrize("status", [9, None])
def test_a_command_that_was_killed_with_its_container_says_so(status: int | None) -> None:
    async def scenario() -> None:
        async with inside() as (mesos, edge), edge.session(await edge.run_of("T-1"), ("sh",), None, "") as session:
            there = await mesos.session()
            mesos.ended |= {there.launch["container_id"]["value"]: status, "web-1": 9}
            there.output.put_nowait(None)
            assert await output(session) == []
            with refusing(Why.ABSENT, "the container, and with it the command, ended on the agent host-1"):
                await session.exit_code()

    run(scenario)


def test_a_command_that_is_refused_says_why() -> None:
    async def scenario() -> None:
        async with inside() as (mesos, edge):
            found = await edge.run_of("T-1")
            for code, words in ((400, ("did not start the command", "no such user")), (403, ("credentials",))):
                mesos.refusals["LAUNCH_NESTED_CONTAINER_SESSION"] = (code, "no such user")
                with refusing(Why.UNABLE, *words):
                    async with edge.session(found, ("sh",), None, ""):
                        pass

    run(scenario)


def test_an_agent_that_sends_nonsense_is_left() -> None:
    async def scenario() -> None:
        async with inside() as (mesos, edge), edge.session(await edge.run_of("T-1"), ("sh",), None, "") as session:
            (await mesos.session()).output.put_nowait(b"no record\n")
            with refusing(Why.UNREACHABLE, "sent an invalid answer"):
                await output(session)

    run(scenario)


def test_an_agent_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_SILENCE", 0.1)

    async def scenario() -> None:
        async with inside() as (_, edge), edge.session(await edge.run_of("T-1"), ("sh",), None, "") as session:
            with refusing(Why.UNREACHABLE, "the agent host-1 does not answer"):
                await output(session)

    run(scenario)


def test_input_that_is_refused_is_told_to_who_writes() -> None:
    async def scenario() -> None:
        async with inside() as (mesos, edge):
            mesos.refusals["ATTACH_CONTAINER_INPUT"] = (403, "not yours")
            async with edge.session(await edge.run_of("T-1"), ("sh",), None, "") as session:
                with refusing(Why.UNABLE, "accepts no input", "not yours"):
                    async with asyncio.timeout(DEADLINE):
                        while True:
                            await session.write(b"x" * 100_000)

    run(scenario)


# ------------------------------------------------------------------- executors that failed

EXECUTOR = f"/frameworks/{FRAMEWORK}/executors/E-1/runs/latest"


def test_an_executors_sandbox_is_found_by_its_task_though_no_container_ever_started() -> None:
    async def scenario() -> None:
        async with inside() as (mesos, edge):
            mesos.tasks["T-1"] = task_with(told_by(None), state="TASK_FAILED")
            with refusing(Why.ABSENT, "has not started", "--executor"):
                await edge.run_of("T-1")
            executor = await edge.executor_of("T-1")
            assert (executor.sandbox, executor.agent, executor.ended) == (EXECUTOR, "host-1", True)

    run(scenario)


def test_what_an_executor_wrote_last_is_plain_text() -> None:
    """Common noise, control characters and passwords are left out."""
    noise = b"Marked '/' as rslave\nlevel=info event=subscribed\n"
    said = b"\x1b[31mred\x1b[0m \x07\xff\nFailed to fetch 'http://me:secret@host/x.pyz': 404\n\n"

    async def scenario() -> None:
        async with inside() as (mesos, edge):
            assert await edge.last_lines(AGENT, "E-1") == ()
            mesos.files[f"{EXECUTOR}/stdout"] = b"only here\n"
            assert await edge.last_lines(AGENT, "E-1") == ("only here",)
            mesos.files[f"{EXECUTOR}/stderr"] = noise + said + noise
            expected = ("red  \ufffd", "Failed to fetch 'http://…@host/x.pyz': 404")
            assert await edge.last_lines(AGENT, "E-1") == expected
            mesos.files[f"{EXECUTOR}/stderr"] = b"x" * 1_000_000 + b"\n" + b"line\n" * 100 + b"y" * 5000
            lines = await edge.last_lines(AGENT, "E-1")
            assert (len(lines), lines[0], lines[-1]) == (20, "line", "y" * 1000)
            rest = b"\nlast" + b"\n" * (16 * 1024 - 20)
            mesos.files[f"{EXECUTOR}/stderr"] = b"x" * 1_000_000 + b"http://me:secret@host/x.pyz" + rest
            assert await edge.last_lines(AGENT, "E-1") == ("last",), "a line that is cut may begin in a password"

    run(scenario)


def test_a_pipe_in_the_place_of_an_executors_file_hides_not_the_other() -> None:
    """Containers that share its mounts and its user can do that."""

    async def scenario() -> None:
        async with inside() as (mesos, edge):
            mesos.files |= {f"{EXECUTOR}/stderr": b"", f"{EXECUTOR}/stdout": b"why it failed\n"}
            mesos.modes[f"{EXECUTOR}/stderr"] = stat.S_IFIFO | 0o666
            assert await edge.last_lines(AGENT, "E-1") == ("why it failed",)
            mesos.modes[f"{EXECUTOR}/stdout"] = stat.S_IFCHR | 0o666
            with refusing(Why.UNABLE, "'stderr': it is a pipe"):
                await edge.last_lines(AGENT, "E-1")

    run(scenario)


def test_what_an_executor_wrote_is_plain_at_once_whatever_it_is() -> None:
    """The event loop is blocked meanwhile."""
    began = time.process_time()
    for piece in (b"a:", b"@:", b"://", b"://a", b"\x1b[", b"\x1b[;", b" level=", b"Marked '", b"\xff", b"\r"):
        lines = plain_lines(b"://" + piece * (16 * 1024 // len(piece)))
        assert "".join(lines).isprintable()
    assert time.process_time() - began < 1


class Looks:
    """What an inspector is to read, and what it reported."""

    def __init__(self) -> None:
        self.told: list[ExecutorInspected] = []
        self.going_on = 0
        self.most = 0
        self.may_end = asyncio.Event()

    async def look(self, agent_id: str, executor_id: str) -> tuple[str, ...]:
        self.going_on += 1
        self.most = max(self.most, self.going_on)
        try:
            if executor_id == "slow":
                await self.may_end.wait()
            if executor_id == "away":
                raise InsideError(Why.UNREACHABLE, "the agent does not answer")
            if executor_id == "hostile":
                raise KeyError("size")
            return (executor_id,)
        finally:
            self.going_on -= 1

    def submit(self, event: Event) -> None:
        assert isinstance(event, ExecutorInspected)
        self.told.append(event)

    async def wait(self, count: int) -> None:
        async with asyncio.timeout(DEADLINE):
            while len(self.told) < count:
                await asyncio.sleep(0.01)


def asked(executor_id: str) -> InspectExecutor:
    return InspectExecutor("/web", executor_id, AGENT, ("T-1",))


def test_every_look_is_answered_whatever_the_agent_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspector, "_PATIENCE", 0.2)

    async def scenario() -> None:
        looks = Looks()
        looking = inspector.Inspector(looks.look, looks.submit)
        for name in ("fine", "away", "hostile", "slow"):
            looking.inspect(asked(name))
        await looks.wait(4)
        assert {(each.executor_id, each.lines) for each in looks.told} == {
            ("fine", ("fine",)),
            ("away", ()),
            ("hostile", ()),
            ("slow", ()),
        }
        assert {(each.pod_id, each.tasks) for each in looks.told} == {("/web", ("T-1",))}

    run(scenario)


def test_looks_are_few_at_a_time_and_bounded() -> None:
    async def scenario() -> None:
        looks = Looks()
        looking = inspector.Inspector(looks.look, looks.submit)
        for _ in range(1000):
            looking.inspect(asked("slow"))
        assert len(looks.told) == 800, "what does not fit is answered at once"
        await asyncio.sleep(0)
        looks.may_end.set()
        await looks.wait(1000)
        assert looks.most == 8
        looks.may_end.clear()
        looking.inspect(asked("slow"))
        await looking.close()
        assert len(looks.told) == 1000

    run(scenario)


@pytest.mark.parametrize(
    "answer", [[], {"read_file": []}, {"read_file": {"size": None, "data": 5}}, {"read_file": {"data": "%"}}, "x", 1]
)
def test_agents_that_answer_nonsense_are_refused(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with inside() as (mesos, edge):

            async def nonsense(*_: object) -> Response:
                return Response(json.dumps(answer))

            mesos.files[f"{EXECUTOR}/stderr"] = b"x"
            monkeypatch.setattr(mesos, "_read", nonsense)
            with pytest.raises(InsideError):
                await edge.last_lines(AGENT, "E-1")

    run(scenario)


def test_an_answer_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_LARGEST_ANSWER", 1024 * 1024)

    async def scenario() -> None:
        async with inside() as (mesos, edge):

            async def large(*_: object) -> Response:
                return Response(b" " * 5 * 1024 * 1024)

            mesos.files[f"{EXECUTOR}/stderr"] = b"x"
            monkeypatch.setattr(mesos, "_read", large)
            with refusing(Why.UNABLE, "more than 1 MiB"):
                await edge.last_lines(AGENT, "E-1")

    run(scenario)
