"""``podexec replay`` over recordings, and ``podexec scheduler --record``."""

import gzip
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest

from scheduler.core.events import Event, FrameworkFailed, OffersReceived, PodPosted, Subscribed, Ticked
from scheduler.core.step import step
from scheduler.core.world import World
from scheduler.recording import player
from tests.cli.conftest import Run
from tests.core import support
from tests.recording.support import run_of

SETTINGS = support.settings()
EVENTS = (
    Subscribed(support.FRAMEWORK, "master:5050", "1.11.0"),
    PodPosted(1, support.definition(instances=2)),
    OffersReceived((support.offer("O1"),)),
    Ticked(),
)


def recorded(*events: Event) -> bytes:
    world = World(SETTINGS, 1)
    log = [
        (event, support.NOON + number, step(world, event, support.NOON + number)) for number, event in enumerate(events)
    ]
    return run_of(SETTINGS, 1, (), log)


RECORDING = recorded(*EVENTS)
INSTANCES = [
    change["key"] for change in orjson.loads(RECORDING.splitlines()[2])["changes"] if change.get("put") == "instance"
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A recording."""
    file = tmp_path / "recording"
    file.write_bytes(RECORDING)
    return file


def test_every_step_is_printed_with_its_changes_and_effects(run: Run, file: Path) -> None:
    done = run("replay", str(file))
    assert done.code == 0
    assert done.err.splitlines()[-1] == "4 steps, no difference"
    lines = done.out.splitlines()
    assert lines[0] == "run of podexec 0.1.0 from 2023-11-14T22:13:20.000Z, line 1"
    heads = [line for line in lines if line[:1].isdigit()]
    assert [line.split()[:3] for line in heads] == [
        ["1", "2023-11-14T22:13:20.000Z", "Subscribed"],
        ["2", "2023-11-14T22:13:21.000Z", "PodPosted"],
        ["3", "2023-11-14T22:13:22.000Z", "OffersReceived"],
        ["4", "2023-11-14T22:13:23.000Z", "Ticked"],
    ]
    assert "request=1 pod_id=/shop/web  (5 changes, " in heads[1]
    assert f"    put instance {INSTANCES[0]}: Scheduled" in lines
    [accept] = [line for line in lines if line.startswith("    Accept")]
    assert accept.startswith(f"    Accept offer_id=O1 LAUNCH_GROUP {INSTANCES[0]} LAUNCH_GROUP {INSTANCES[1]}")
    assert lines[-1] == "recording ended: the scheduler stopped"


def test_steps_from_and_to_a_number(run: Run, file: Path) -> None:
    done = run("replay", str(file), "--from", "2", "--to", "3")
    assert [line[0] for line in done.out.splitlines() if line[:1].isdigit()] == ["2", "3"]
    assert done.err.splitlines()[-1] == "3 steps, no difference"


def test_the_story_of_one_instance(run: Run, file: Path) -> None:
    done = run("replay", str(file), "--instance", INSTANCES[1])
    assert done.code == 0
    assert [line[0] for line in done.out.splitlines() if line[:1].isdigit()] == ["2", "3"]
    assert "    does not exist -> Scheduled" in done.out.splitlines()
    assert "    Scheduled -> Provisioned on a1.example (agent A1), incarnation 1" in done.out.splitlines()
    assert f"    Accept offer_id=O1 LAUNCH_GROUP {INSTANCES[1]} and 1 more operations" in done.out.splitlines()
    assert INSTANCES[0] not in done.out


def test_an_instance_that_is_not_in_it_and_what_is_no_id(run: Run, file: Path) -> None:
    unknown = "web.instance-00000000-0000-4000-8000-000000000000"
    done = run("replay", str(file), "--instance", unknown)
    assert done.code == 1
    assert unknown in done.err
    done = run("replay", str(file), "--instance", "/web")
    assert done.code == 2
    assert "is not POD.instance-UUID" in done.err


def test_json_has_all_of_each_step(run: Run, file: Path) -> None:
    lines = [json.loads(line) for line in run("replay", str(file), "--json").out.splitlines()]
    assert [sorted(line)[0] for line in lines] == ["at", "at", "at", "at", "at", "end"]
    assert [line.get("step") for line in lines] == [None, 1, 2, 3, 4, None]
    recorded = [orjson.loads(line) for line in RECORDING.splitlines()]
    for made, kept in zip(lines[1:5], recorded[1:5], strict=True):
        assert {name: made[name] for name in kept} == kept
    [created, _] = [
        each
        for each in map(json.loads, run("replay", str(file), "--json", "--instance", INSTANCES[0]).out.splitlines())
        if "step" in each
    ]
    assert (created["before"], created["after"]) == ("does not exist", "Scheduled")
    assert [each["key"] for each in created["changes"]] == [INSTANCES[0]]


def test_the_first_difference_ends_it_with_1_and_is_printed(run: Run, file: Path) -> None:
    lines = RECORDING.splitlines(keepends=True)
    other = orjson.loads(lines[2])
    other["changes"][1]["data"]["version"] = "another\x1b[31m"
    file.write_bytes(b"".join([*lines[:2], orjson.dumps(other) + b"\n", *lines[3:]]))
    for words in ((), ("--json",), ("--from", "4"), ("--instance", INSTANCES[0])):
        done = run("replay", str(file), *words)
        assert done.code == 1
        assert done.err.splitlines() == [
            "podexec: step 2 (line 3) differs from the recording at changes[1].data.version",
            '  recorded: "another\\u001b[31m"',
            '  replayed: "2023-11-14T22:13:21.000Z"',
        ]
        assert "PodPosted" in done.out  # the step itself is shown
    assert run("replay", str(file), "--to", "1").code == 0


def test_where_the_core_fails_it_is_shown_where(run: Run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(world: World, event: Event, now: float) -> object:
        raise LookupError("a reason")

    monkeypatch.setattr(player, "step", fails)
    done = run("replay", str(file))
    assert done.code == 1
    assert "    the core failed: LookupError('a reason')" in done.out.splitlines()
    assert "in fails" in done.out
    assert 'replayed: "LookupError in fails (test_replay.py)"' in done.err


def test_a_recording_may_be_compressed_or_come_by_standard_input(
    run: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run("replay", str(file)).out
    file.write_bytes(gzip.compress(RECORDING))
    assert run("replay", str(file)).out == whole
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(RECORDING)))
    assert run("replay", "-").out == whole


def test_one_that_is_cut_off_is_replayed_up_to_there(run: Run, file: Path) -> None:
    file.write_bytes(RECORDING[: RECORDING.rindex(b'"event"') + 3])
    done = run("replay", str(file))
    assert done.code == 0
    assert done.err.splitlines() == ["3 steps, no difference"]
    assert done.out.splitlines()[-1] == "the scheduler was killed here, or the rest of the recording is missing"


def test_one_that_is_damaged_or_missing_or_none(run: Run, file: Path, tmp_path: Path) -> None:
    lines = RECORDING.splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:2], b"damaged\n", *lines[3:]]))
    done = run("replay", str(file))
    assert done.code == 2
    assert done.err.startswith(f"podexec: cannot replay {file}: line 3: this is no line of a recording")
    done = run("replay", str(tmp_path / "none"))
    assert (done.code, done.err) == (2, f"podexec: cannot read {tmp_path}/none: No such file or directory\n")
    assert run("replay", str(tmp_path)).code == 2
    (tmp_path / "empty").touch()
    done = run("replay", str(tmp_path / "empty"))
    assert (done.code, done.err) == (2, f"podexec: cannot replay {tmp_path}/empty: it is empty\n")


def test_what_others_wrote_cannot_write_on_the_terminal(run: Run, file: Path) -> None:
    file.write_bytes(recorded(FrameworkFailed("\x1b[2Jgone [bold]x[/bold]\u202e")))
    done = run("replay", str(file))
    assert done.code == 0
    assert "\x1b" not in done.out
    assert "\u202e" not in done.out
    assert "[bold]x[/bold]" in done.out


def test_another_podexec_is_told_of(run: Run, file: Path) -> None:
    file.write_bytes(RECORDING.replace(b'"podexec":"0.1.0"', b'"podexec":"9.9.9"'))
    assert "recorded by podexec 9.9.9" in run("replay", str(file)).err


@pytest.mark.parametrize("where", [".", "none/recording"])
def test_a_file_that_cannot_be_recorded_to_is_refused_before_mesos_is_contacted(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(
        "scheduler", "--master", "127.0.0.1:1", "--listen", "127.0.0.1:0", "--store", "memory:", "--record", where
    )
    assert done.code == 1
    assert done.err.startswith("podexec: --record: cannot record to")
    assert not list(tmp_path.iterdir())
