"""A Chromium without a window, in which tests run scripts on pages: over its DevTools protocol."""

import asyncio
import contextlib
import itertools
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect

_START = 60.0
_CALL = 30.0
_LISTENING = b"DevTools listening on "


class Page:
    """A tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._session: dict[str, str] = {}

    async def open(self) -> None:
        """Open the tab, in a profile of its own."""
        context = await self._call("Target.createBrowserContext")
        target = await self._call("Target.createTarget", url="about:blank", **context)
        attached = await self._call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        await self._call("Page.enable")

    async def go(self, url: str) -> None:
        """Go to a page; returns when it is loaded."""
        answer = await self._call("Page.navigate", url=url)
        assert "errorText" not in answer, (url, answer)
        async with asyncio.timeout(_CALL):
            while await self.run("document.readyState") != "complete":
                await asyncio.sleep(0.01)

    async def run(self, script: str) -> Any:
        """The value of an expression, or of the promise that it is, on the current page."""
        answer = await self._call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def _call(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters, **self._session}
        async with asyncio.timeout(_CALL):
            await self._socket.send(orjson.dumps(message).decode())
            while (answer := orjson.loads(await self._socket.recv())).get("id") != number:
                pass  # an event
        assert "error" not in answer, (method, answer)
        return answer["result"]


@contextlib.asynccontextmanager
async def browser(folder: Path, names: str) -> AsyncIterator[Page]:
    """A page in a new Chromium, for which names that match the pattern ``names`` are at 127.0.0.1."""
    program = shutil.which("chromium")
    assert program is not None, "Chromium is missing: python -P -m localmesos.apt --install --with chromium"
    process = await asyncio.create_subprocess_exec(
        program,
        "--headless=new",
        "--no-sandbox",  # which root cannot have; the pages are ours
        "--no-first-run",
        "--no-proxy-server",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        f"--host-resolver-rules=MAP {names} 127.0.0.1",
        f"--user-data-dir={folder}",
        "--remote-debugging-port=0",
        env={**os.environ, "HOME": str(folder)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with connect(await _debugger(process), proxy=None, max_size=None) as socket:
            page = Page(socket)
            await page.open()
            yield page
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # the processes of its pages too
        await process.wait()


async def _debugger(process: asyncio.subprocess.Process) -> str:
    """The URL of its DevTools, which it prints among other things."""
    assert process.stderr is not None
    lines = []
    async with asyncio.timeout(_START):
        while line := await process.stderr.readline():
            lines.append(line)
            if line.startswith(_LISTENING):
                return line.removeprefix(_LISTENING).strip().decode()
    raise AssertionError(f"Chromium has ended: {b''.join(lines).decode(errors='replace')}")
