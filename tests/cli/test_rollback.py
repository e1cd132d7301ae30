"""``podexec pod diff`` and ``podexec pod rollback``."""

import json
from pathlib import Path
from typing import Any

import pytest

from scheduler.cli import plan
from scheduler.core.events import PodPut
from scheduler.model.records import Condition, Goal
from tests.api.test_pods import POD
from tests.cli.conftest import Run
from tests.cli.test_plan import written
from tests.fakes.loop import FakeLoop

LABELLED: dict[str, Any] = POD | {"labels": {"team": "[red]\x1b[31m"}}


@pytest.fixture
def versions(run: Run, url: str, loop: FakeLoop, tmp_path: Path) -> list[str]:
    """A pod with three versions, of which the last adds a label."""
    found = []
    for document in (POD, POD | {"scaling": {"instances": 2}}, LABELLED):
        loop.now += 1
        updated = run("pod", "update", written(tmp_path, document), "--force", "--json")
        found.append(str(json.loads(updated.out)["version"]))
        for _ in range(2):  # new ones are ready first, then the old ones end
            loop.run_all()
            for each in [each.id for each in loop.world.instances.values() if each.goal is not Goal.RUNNING]:
                loop.tell(Condition.KILLED, only=each)
    assert not loop.world.deployments
    loop.asked.clear()
    return found


def test_the_previous_version_is_compared_with_the_current_one(run: Run, versions: list[str]) -> None:
    shown = run("pod", "diff", "product/web")
    assert shown.code == 0
    assert shown.out.splitlines() == [
        f"/product/web: {versions[1]} -> {versions[2]}",
        '+ /labels/team: "[red]\\u001b[31m"',
        "~ /scaling/instances: 2 -> 1",
    ]


def test_chosen_versions_are_compared(run: Run, versions: list[str]) -> None:
    one = json.loads(run("pod", "diff", "product/web", versions[0], "--json").out)
    assert [each["path"] for each in one["differences"]] == ["/labels/team"]
    assert (one["before"], one["after"]) == (versions[0], versions[2])
    two = run("pod", "diff", "product/web", versions[1], versions[0])
    assert "~ /scaling/instances: 2 -> 1" in two.out
    same = run("pod", "diff", "product/web", versions[1], versions[1])
    assert "The definitions are the same." in same.out


def test_a_rollback_shows_its_plan_and_returns_to_the_previous_version(
    run: Run, versions: list[str], loop: FakeLoop
) -> None:
    done = run("pod", "rollback", "product/web", "--yes")
    assert done.code == 0
    assert '- /labels/team: "[red]\\u001b[31m"' in done.err
    assert "~ /scaling/instances: 1 -> 2" in done.err
    assert f"changed back to {versions[1]}" in done.out
    definition = loop.world.current(loop.world.pods["/product/web"])
    assert (definition.labels, definition.scaling.instances) == ({}, 2)
    (event,) = loop.asked
    assert isinstance(event, PodPut)
    assert event.based_on == (versions[2],)


def test_a_rollback_to_a_chosen_version_in_json(run: Run, versions: list[str]) -> None:
    done = run("pod", "rollback", "product/web", versions[0], "--yes", "--json")
    assert json.loads(done.out)["scaling"]["instances"] == 1


def test_without_a_terminal_it_must_be_confirmed(run: Run, versions: list[str], loop: FakeLoop) -> None:
    refused = run("pod", "rollback", "product/web")
    assert refused.code == 2
    assert "--yes" in refused.err
    assert "/scaling/instances" in refused.err
    assert not loop.asked


def test_a_change_in_between_is_not_overwritten(
    run: Run, versions: list[str], loop: FakeLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed_meanwhile(*_: object) -> None:
        definition = loop.world.current(loop.world.pods["/product/web"])
        other = definition.model_copy(update={"labels": {"changed": "meanwhile"}})
        loop.now += 1
        loop.happens(PodPut(1, other))

    monkeypatch.setattr(plan, "require_confirmation", changed_meanwhile)
    refused = run("pod", "rollback", "product/web")
    assert refused.code == 1
    assert "on which this change is not based" in refused.err
    assert loop.world.current(loop.world.pods["/product/web"]).labels == {"changed": "meanwhile"}


def test_to_the_current_version_nothing_changes(run: Run, versions: list[str], loop: FakeLoop) -> None:
    done = run("pod", "rollback", "product/web", versions[2], "--yes")
    assert done.code == 0
    assert "nothing changes" in done.out
    assert not loop.asked


def test_without_an_earlier_version(run: Run, url: str, tmp_path: Path) -> None:
    run("pod", "add", written(tmp_path, POD))
    for command in (("diff", "product/web"), ("rollback", "product/web", "--yes")):
        refused = run("pod", *command)
        assert refused.code == 1
        assert "is stored" in refused.err


@pytest.mark.parametrize(
    ("pod_id", "version"),
    [
        ("none", "2020-01-01T00:00:00.000Z"),
        ("product/web", "2020-01-01T00:00:00.000Z"),
        ("product/web", "[\x1b[31m"),
        pytest.param("product/web", "9" * 30_000, id="long"),
    ],
)
def test_what_is_not_there(run: Run, versions: list[str], loop: FakeLoop, pod_id: str, version: str) -> None:
    for command in (("diff", pod_id, version, version), ("rollback", pod_id, version, "--yes")):
        refused = run("pod", *command)
        assert refused.code == 1
        assert "\x1b" not in refused.err
    assert not loop.asked
