"""Web pages in a real browser that attack the API, and the API's own pages, which may do the same things."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from scheduler.api.access import EVERYONE, Access
from tests.api.browser import Page, browser
from tests.api.inside import DEADLINE, LiveInside, definition, live_inside
from tests.fakes.inside import FakeSession

pytestmark = pytest.mark.timeout(300)
USER = "me:secret"
EVIL = definition("root") | {"id": "/evil"}
# Each starts or ends something, with the credentials that the browser keeps for the API. A beacon has no answer, so it
# comes first: whatever it does has happened by the end.
ATTEMPTS = {
    "a beacon": """Promise.resolve(navigator.sendBeacon(API + "/v2/pods", new Blob([JSON.stringify(POD)])))""",
    "a form": """new Promise(done => {
        const frame = Object.assign(document.createElement("iframe"), {name: "into"});
        const form = Object.assign(document.createElement("form"),
            {method: "POST", action: API + "/v2/pods", enctype: "text/plain", target: "into"});
        const field = Object.assign(document.createElement("input"),
            {name: JSON.stringify(POD).slice(0, -1) + ', "labels": {"a": "', value: '"}}'});
        form.append(field);
        document.documentElement.append(frame, form);
        frame.onload = () => done("sent");
        form.submit();
    })""",
    "a body without a type": """fetch(API + "/v2/pods",
        {method: "POST", mode: "no-cors", credentials: "include", body: new Blob([JSON.stringify(POD)])})""",
    "a body of a form's type": """fetch(API + "/v2/pods",
        {method: "POST", mode: "no-cors", credentials: "include", body: JSON.stringify(POD)})""",
    "JSON": """fetch(API + "/v2/pods",
        {method: "POST", credentials: "include", headers: {"Content-Type": "application/json"},
         body: JSON.stringify(POD)})""",
    "a pause": """fetch(API + "/v2/deployments/d/pause",
        {method: "POST", mode: "no-cors", credentials: "include"})""",
    "a removal": """fetch(API + "/v2/pods/web?force=true", {method: "DELETE", credentials: "include"})""",
    "an archive": """fetch(API + "/v2/pods/web::archive?path=/etc", {mode: "no-cors", credentials: "include"})""",
    "a command": """new Promise(done => {
        const socket = new WebSocket(API.replace("http", "ws") + "/v2/pods/web::exec");
        socket.onopen = () => socket.send(JSON.stringify({command: ["sh"]}));
        socket.onmessage = message => done(message.data);
        socket.onclose = () => done("closed");
    })""",
}
READS = ["/v2/pods", "/v2/pods/web", "/v2/pods/web::status", "/v2/info", "/v2/deployments", "/metrics", "/docs"]


@contextlib.asynccontextmanager
async def stage(folder: Path, *, access: Access = EVERYONE) -> AsyncIterator[tuple[LiveInside, Page]]:
    """A running API with a pod, and a browser."""

    async def answers(session: FakeSession) -> None:
        session.writes(b"uid=0(root)")
        session.ends(0)

    async with live_inside(access=access) as (api, client), browser(folder, "*.example") as page:
        api.inside.program = answers
        auth = None if access.credentials is None else httpx2.BasicAuth(*USER.split(":"))
        assert (await client.post("/v2/pods", json=definition("one"), auth=auth)).status_code == 201
        api.launched()
        api.loop.asked.clear()
        yield api, page


async def attempt(page: Page, what: str, api: str) -> str:
    """What comes of an attempt, as the page sees it."""
    script = f"""(async () => {{
        const API = {json.dumps(api)}, POD = {json.dumps(EVIL)};
        try {{
            const answer = await ({ATTEMPTS[what]});
            return answer instanceof Response ? answer.type + " " + answer.status : String(answer);
        }} catch (error) {{ return String(error); }}
    }})()"""
    return str(await page.run(script))


def changes(api: LiveInside) -> list[Any]:
    """What was asked of the scheduler, and of containers."""
    return [*api.loop.asked, *api.inside.sessions]


@contextlib.asynccontextmanager
async def pages() -> AsyncIterator[int]:
    """The port of a server of empty pages."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.parametrize("access", [EVERYONE, Access(USER)], ids=["open", "with a password"])
def test_a_page_of_another_origin_changes_nothing(tmp_path: Path, access: Access) -> None:
    async def scenario() -> None:
        async with stage(tmp_path, access=access) as (api, page), pages() as port:
            if access.credentials is not None:  # which the browser then keeps, and sends with each request
                await page.go(f"http://{USER}@{api.address}/ping")
            for host in ("evil.example", "127.0.0.1", "localhost"):
                await page.go(f"http://{host}:{port}/")
                for what in ATTEMPTS:
                    seen = await attempt(page, what, api.url)
                    assert changes(api) == [], (host, what, seen)

    asyncio.run(asyncio.wait_for(scenario(), 10 * DEADLINE))


def test_a_page_whose_name_is_rebound_to_the_api_reads_and_changes_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stage(tmp_path) as (api, page):
            own = f"http://evil.example:{api.address.rpartition(':')[2]}"
            await page.go(f"{own}/ping")
            for path in READS:
                text = await page.run(f"fetch('{path}').then(answer => answer.text())")
                assert "start the scheduler with --allowed-hosts evil.example" in text, path
            for what in ATTEMPTS:
                seen = await attempt(page, what, own)
                assert changes(api) == [], (what, seen)

    asyncio.run(asyncio.wait_for(scenario(), 10 * DEADLINE))


def test_a_page_of_the_api_itself_does_all_of_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stage(tmp_path) as (api, page):
            await page.go(f"{api.url}/ping")
            for path in READS:
                assert await page.run(f"fetch('{path}').then(answer => answer.status)") == 200, path
            assert await attempt(page, "JSON", api.url) == "basic 201"
            assert "started" in await attempt(page, "a command", api.url)
            assert await attempt(page, "an archive", api.url) == "basic 200"
            assert await attempt(page, "a removal", api.url) == "basic 202"
            assert [type(each).__name__ for each in changes(api)] == [
                "PodPosted",
                "PodDeleted",
                "FakeSession",
                "FakeSession",
            ]

    asyncio.run(asyncio.wait_for(scenario(), 10 * DEADLINE))
