"""Refusals of masters and agents do not show the paths of their machines to users of the API."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from scheduler.inside import Edge
from scheduler.inside.http import MesosRefusedError
from scheduler.loop.inside import InsideError, Run
from tests.fakes.operator_api import DEADLINE
from tests.inside.test_edge import SANDBOX, inside
from tests.inside.test_edge import run as run_scenario

SECRET = "/var/lib/mesos/slaves/S-1/frameworks/F/executors/E/runs/latest"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"Failed to open '{SECRET}/my file': gone", "Failed to open '…': gone"),
        (f'Failed to open "{SECRET}/my file": gone', 'Failed to open "…": gone'),
        (f"No {SECRET}, and no ({SECRET})", "No …, and no (…)"),
        (f"open:{SECRET} dir={SECRET}", "open:… dir=…"),
        (f"file://{SECRET} and /{SECRET}", "… and …"),
        ("http://agent:5051/api/v1 and/or ./a ../b c/d", "http://agent:5051/api/v1 and/or ./a ../b c/d"),
        ("no such user", "no such user"),
        ("", "HTTP 418"),
    ],
)
def test_absolute_paths_are_left_out(said: str, told: str) -> None:
    error = MesosRefusedError(418, said)
    assert (str(error), error.answer) == (told, said)


async def _session(edge: Edge, run: Run) -> None:
    async with edge.session(run, ("sh",), None, "") as session, asyncio.timeout(DEADLINE):
        while True:
            await session.write(b"x" * 100_000)


CALLS: dict[str, Callable[[Edge, Run], Awaitable[object]]] = {
    "/slaves": lambda edge, run: edge.run_of("T-1"),
    "/tasks": lambda edge, run: edge.executor_of("T-1"),
    "LIST_FILES": lambda edge, run: edge.list_files(run, "stdout"),
    "READ_FILE": lambda edge, run: edge.read_file(run, "stdout", 0, 1),
    "GET_CONTAINERS": lambda edge, run: edge.usage(run),
    "LAUNCH_NESTED_CONTAINER_SESSION": _session,
    "ATTACH_CONTAINER_INPUT": _session,
}


@pytest.mark.parametrize("code", [400, 401, 403, 404, 500, 503])
@pytest.mark.parametrize("call", CALLS)
def test_no_call_tells_where_an_agent_keeps_its_sandboxes(call: str, code: int) -> None:
    async def scenario() -> None:
        async with inside() as (mesos, edge):
            run = await edge.run_of("T-1")
            mesos.files[f"{SANDBOX}/stdout"] = b"there"
            mesos.refusals[call] = (code, f"Cannot use '{SECRET}' for this")
            with capture_logs() as logs, pytest.raises(InsideError) as refused:
                await CALLS[call](edge, run)
            assert "/var/lib" not in str(refused.value)
            assert "frameworks" not in str(refused.value)
            if code != 404:
                assert any(SECRET in str(line) for line in logs), "the operator sees it in the log"

    run_scenario(scenario)
