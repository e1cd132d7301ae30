"""A client that openapi-python-client makes of /openapi.json: all of it, and it works.

The generator needs an older typer than podexec may have, so it has a virtual environment of its own.
"""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from scheduler.api.openapi import document
from tests.api.live import live
from tests.clients.environment import environment

GENERATOR = "openapi-python-client==0.29.1"
PACKAGE = "podexec_client"
USER = Path(__file__).with_name("generated_user.py")
DEADLINE = 150.0


async def run(*words: str | Path) -> str:
    """The output of a command that succeeds."""
    process = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(DEADLINE):
        output, _ = await process.communicate()
    assert process.returncode == 0, f"{words}: {output.decode()}"
    return output.decode()


async def generated(python: Path, url: str, folder: Path) -> str:
    """The client generated from a scheduler's document, and the generator's output."""
    config = folder / "config.json"
    config.write_text(json.dumps({"post_hooks": []}))  # they format the code
    return await run(
        *(python, "-m", "openapi_python_client", "generate", "--url", f"{url}/openapi.json", "--fail-on-warning"),
        *("--meta", "none", "--output-path", folder / PACKAGE, "--config", config),
    )


async def story(folder: Path) -> tuple[str, dict[str, Any]]:
    """The generator's output, and the results of a user of its client."""
    python = await asyncio.to_thread(environment, "generator", (GENERATOR,))
    async with live() as api:
        url = str(api.client.base_url)
        said = await generated(python, url, folder)
        return said, json.loads(await run(python, USER, folder, url))


@pytest.mark.timeout(400)
def test_it_has_every_operation_and_type_and_runs_a_pods_life(tmp_path: Path) -> None:
    said, told = asyncio.run(story(tmp_path))

    assert "WARNING" not in said.upper()
    operations = {
        operation["operationId"]
        for operations in document("1.2.3")["paths"].values()
        for method, operation in operations.items()
        if method != "parameters"
    }
    assert {each.stem for each in (tmp_path / PACKAGE / "api/default").glob("[a-z]*.py")} == set(map(snake, operations))
    models = {each.stem for each in (tmp_path / PACKAGE / "models").glob("[a-z]*.py")}
    components = {snake(name) for name in document("1.2.3")["components"]["schemas"]}
    assert components - models <= {"exec"}, "whose name is a keyword's"

    status, created = told["created"]
    assert status == 201
    assert (created["id"], created["environment"]) == ("/generated/web", {"MODE": "prod"})
    assert created["scheduling"]["unreachableStrategy"] == {"inactiveAfterSeconds": 60, "expungeAfterSeconds": 90}
    assert told["again"] == 409
    assert told["shown"] == told["first"] == created
    assert told["status"] == ["DEGRADED", 2]
    assert told["statuses"] == ["/generated/web"]
    assert [each["podexec"]["paused"] for each in told["deployments"]] == [False]
    status, updated = told["updated"]
    assert (status, updated["scaling"]["instances"]) == (200, 3)
    assert updated["scheduling"]["unreachableStrategy"] == "disabled"
    assert told["versions"] == 2
    assert told["killed"] == []
    status, wrong = told["wrong"]
    assert (status, wrong["details"][0]["path"]) == (422, "/containers(0)/name")
    assert told["deleted"][0] == 202
    assert told["gone"] == "Pod '/generated/web' does not exist"


def snake(name: str) -> str:
    """The name as a Python module's."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
