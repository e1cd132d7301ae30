"""``podexec pod plan``, and updates of the version that was planned for."""

import json
from pathlib import Path
from typing import Any

import pytest

from scheduler.cli.client import WriteOptions
from scheduler.cli.errors import CommandError
from tests.api.test_pods import POD
from tests.cli.conftest import Run
from tests.fakes.loop import FakeLoop

CHANGED: dict[str, Any] = POD | {"environment": {"TOKEN": "swordfish"}, "labels": {"a": "[red]\x1b[31m"}}


def written(folder: Path, *definitions: Any, name: str = "pod.json") -> str:
    """A file with these definitions."""
    file = folder / name
    file.write_text(json.dumps(definitions[0] if len(definitions) == 1 else definitions))
    return str(file)


@pytest.fixture
def web(run: Run, url: str, loop: FakeLoop, tmp_path: Path) -> str:
    """A running pod; its version."""
    added = json.loads(run("pod", "add", written(tmp_path, POD), "--json").out)
    loop.run_all()
    return str(added["version"])


def test_nothing_changes(run: Run, web: str, tmp_path: Path) -> None:
    planned = run("pod", "plan", written(tmp_path, POD))
    assert (planned.code, planned.out) == (0, f"/product/web: nothing changes (now version {web})\n")


def test_a_change_is_told_and_exits_with_1(run: Run, web: str, tmp_path: Path) -> None:
    planned = run("pod", "plan", written(tmp_path, CHANGED))
    assert planned.code == 1
    assert "/product/web: 1 instance replaced in 1 batch; at least 1 ready on the way" in planned.out
    assert "~ /environment/TOKEN: changed" in planned.out or "/environment/TOKEN" in planned.out
    assert '+ /labels/a: "[red]\\u001b[31m"' in planned.out
    assert "swordfish" not in planned.out
    assert f"--if-version {web}" in planned.err


def test_several_files_and_definitions_and_json(run: Run, web: str, tmp_path: Path) -> None:
    one = written(tmp_path, POD, POD | {"id": "/new", "scaling": {"instances": 2}})
    two = written(tmp_path, CHANGED, name="two.json")
    planned = run("pod", "plan", one, two, "--json")
    assert planned.code == 1
    assert [each["action"] for each in json.loads(planned.out)] == ["none", "create", "replace"]


def test_a_pod_may_depend_on_one_that_is_created_before_it(run: Run, url: str, tmp_path: Path) -> None:
    database, web = POD | {"id": "/db"}, POD | {"id": "/web", "dependencies": ["/db"]}
    planned = run("pod", "plan", written(tmp_path, database, web), "--json")
    assert [each["action"] for each in json.loads(planned.out)] == ["create", "create"]
    refused = run("pod", "plan", written(tmp_path, web, database))
    assert refused.code == 2
    assert "there is no pod /db" in refused.err
    odd = run("pod", "plan", written(tmp_path, database, POD | {"id": "/web", "dependencies": {"[": 1}}))
    assert odd.code == 2


@pytest.mark.parametrize("content", ['{"id": "/product/web"}', "{", "[]", '{"containers": []}', '{"id": 3}'])
def test_errors_exit_with_2(run: Run, web: str, tmp_path: Path, content: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(content)
    planned = run("pod", "plan", str(file))
    assert planned.code == 2
    assert planned.err.startswith("podexec: ")


def test_no_scheduler_is_an_error(run: Run, tmp_path: Path) -> None:
    assert run("pod", "plan", written(tmp_path, POD), "--url", "http://127.0.0.1:9").code == 2


def test_an_update_of_another_version_is_refused(run: Run, web: str, loop: FakeLoop, tmp_path: Path) -> None:
    file = written(tmp_path, CHANGED)
    refused = run("pod", "update", file, "--if-version", "2020-01-01T00:00:00.000Z")
    assert refused.code == 1
    assert f"has version {web} now" in refused.err
    assert run("pod", "update", file, "--if-version", web).code == 0
    assert run("pod", "update", file, "--if-version", web).code == 1


@pytest.mark.parametrize("version", [*("", "latest", "2020\r\nX: y", "["), pytest.param("0" * 130_000, id="long")])
def test_what_is_no_version_is_not_sent(run: Run, web: str, tmp_path: Path, version: str) -> None:
    refused = run("pod", "update", written(tmp_path, CHANGED), "--if-version", version)
    assert refused.code == 2
    assert "is not a version" in refused.err


def test_a_version_is_for_one_pod(run: Run, web: str, tmp_path: Path) -> None:
    file = written(tmp_path, CHANGED, POD | {"id": "/new"})
    refused = run("pod", "update", file, "--if-version", web)
    assert refused.code == 2
    assert "--if-version is for one pod" in refused.err


@pytest.mark.parametrize(
    "version",
    ["\x9b31m[red]", "1\r\nX: y", "∞", "", "9" * 130_000, {"a": 1}],
    ids=["control", "header", "symbol", "empty", "long", "object"],
)
def test_a_version_that_a_scheduler_answered_is_sent_back_only_if_it_is_one(version: Any) -> None:
    with pytest.raises(CommandError, match="is not a version") as error:
        WriteOptions(if_version=version).headers()
    assert len(str(error.value)) < 300
