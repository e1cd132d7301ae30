"""Recording beside a scheduler: bounded, private, and whatever happens to the file, the scheduler continues."""

import io
import os
import stat
import threading
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from scheduler.core.events import Event, OfferRescinded, PodPosted, Subscribed, Ticked
from scheduler.core.frame import Frame, Put
from scheduler.core.step import step
from scheduler.core.world import World
from scheduler.model.records import Framework
from scheduler.recording import Recorder, RecordingFile, RecordingFileError
from scheduler.recording import file as recording_file
from scheduler.recording.player import Played
from scheduler.recording.reading import Begun, Ended, Recorded, read
from tests.core import support
from tests.recording.support import replayed

MIB = 1024 * 1024
SUBSCRIBED = Subscribed(support.FRAMEWORK, "master:5050", "1.11.0")


def record(path: Path, *events: Event, limit: int = MIB) -> None:
    """One run of a scheduler that hears these."""
    recorder = Recorder(RecordingFile(path, limit))
    recorder.begin("0.1.0", support.NOON, 7, support.settings(), ())
    world, recorded = World(support.settings(), 7), recorder.recorded(step)
    for number, event in enumerate(events):
        assert isinstance(recorded(world, event, support.NOON + number), Frame)
    recorder.close()


def whys(path: Path) -> list[str | None]:
    """How the runs in a file ended."""
    with path.open("rb") as file:
        return [each.why for each in read(file) if isinstance(each, Ended)]


def test_a_run_is_recorded_and_replayed_without_a_difference(tmp_path: Path) -> None:
    file = tmp_path / "recording"
    record(file, SUBSCRIBED, PodPosted(1, support.definition(instances=3)), Ticked())
    steps = [each for each in replayed(file.read_bytes()) if isinstance(each, Played)]
    assert [(each.number, each.difference) for each in steps] == [(1, None), (2, None), (3, None)]
    assert steps[1].frame
    assert len(steps[1].frame.changes) > 3
    assert whys(file) == ["the scheduler stopped"]


def test_only_the_owner_can_read_it_also_where_it_was_open_to_others(tmp_path: Path) -> None:
    file = tmp_path / "recording"
    old = os.umask(0)
    try:
        record(file)
        file.chmod(0o644)
        record(file)
    finally:
        os.umask(old)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_next_run_is_appended_also_after_a_line_that_was_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "recording"
    record(file, SUBSCRIBED)
    file.write_bytes(file.read_bytes()[:-30])  # within the last line but one
    record(file, SUBSCRIBED, Ticked())
    assert whys(file) == [None, "the scheduler stopped"]
    runs = [each for each in replayed(file.read_bytes()) if isinstance(each, Played)]
    assert [each.number for each in runs][-1] == len(runs)
    assert all(each.difference is None for each in runs)


def test_recording_ends_at_the_limit_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "recording"
    with capture_logs() as logs:
        record(file, *[SUBSCRIBED] * 100, limit=10_000)
    assert file.stat().st_size <= 10_000
    assert whys(file) == ["the file has reached its limit"]
    [told] = logs
    assert told["event"] == "recording ended; the scheduler continues without it"
    assert told["reason"] == "the file has reached its limit"
    size = file.stat().st_size
    record(file, SUBSCRIBED, limit=10_000)  # the next start finds it full
    assert file.stat().st_size - size < 100


def test_a_full_disk_ends_the_recording_only() -> None:
    with capture_logs() as logs:
        recorder = Recorder(RecordingFile(Path("/dev/full")))
        recorder.begin("0.1.0", 1.0, 7, support.settings(), ())
        recorder._file.flush()
        world, recorded = World(support.settings(), 7), recorder.recorded(step)
        for _ in range(3):
            assert recorded(world, SUBSCRIBED, 1.0).effects
        recorder.close()
    assert [each["reason"] for each in logs] == ["No space left on device"]


def test_a_disk_that_is_full_from_the_start_does_not_keep_the_scheduler_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    with capture_logs() as logs:
        record(tmp_path / "recording", SUBSCRIBED)
    assert len(logs) == 1


def test_a_disk_that_is_too_slow_ends_the_recording_and_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    write = os.write
    monkeypatch.setattr(recording_file, "_WAITING", 10_000)
    monkeypatch.setattr(os, "write", lambda *to: released.wait(60) and write(*to))
    recorder = Recorder(RecordingFile(tmp_path / "recording"))
    recorder.begin("0.1.0", 1.0, 7, support.settings(), ())
    world, recorded = World(support.settings(), 7), recorder.recorded(step)
    with capture_logs() as logs:
        for _ in range(100):
            recorded(world, SUBSCRIBED, 1.0)
    assert [each["reason"] for each in logs] == ["the disk is too slow"]
    released.set()
    recorder.close()
    assert whys(tmp_path / "recording") == ["the disk is too slow"]


def test_what_cannot_be_written_as_json_ends_the_recording_only(tmp_path: Path) -> None:
    with capture_logs() as logs:
        record(tmp_path / "recording", OfferRescinded("\ud800"), SUBSCRIBED)
    assert [each["reason"] for each in logs] == ["a step cannot be written: TypeError"]


def test_the_step_that_the_core_fails_at_is_recorded_without_what_it_said(tmp_path: Path) -> None:
    def fails(world: World, event: Event, now: float) -> Frame:
        raise KeyError("top-secret")

    file = tmp_path / "recording"
    recorder = Recorder(RecordingFile(file))
    recorder.begin("0.1.0", 1.0, 7, support.settings(), ())
    with pytest.raises(KeyError):
        recorder.recorded(fails)(World(support.settings(), 7), SUBSCRIBED, 1.0)
    recorder.close()
    assert b"top-secret" not in file.read_bytes()
    [begun, failed, _] = read(io.BytesIO(file.read_bytes()))
    assert isinstance(begun, Begun)
    assert isinstance(failed, Recorded)
    assert failed.event == SUBSCRIBED
    assert failed.failed == "KeyError in fails (test_recorder.py)"


def test_many_records_at_the_start_wait_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_file, "_WAITING", 200_000)
    recorder = Recorder(RecordingFile(tmp_path / "recording"))
    with capture_logs() as logs:
        recorder.begin("0.1.0", 1.0, 7, support.settings(), [Framework(f"{number}") for number in range(20_000)])
    recorder.close()
    assert logs == []
    assert whys(tmp_path / "recording") == ["the scheduler stopped"]


@pytest.mark.parametrize("content", [b"SQLite format 3\0", b"\x1f\x8b\x08", b"{}\n"])
def test_another_file_is_not_touched(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "state.db"
    file.write_bytes(content)
    file.chmod(0o644)
    with pytest.raises(RecordingFileError, match="it exists and is no recording"):
        RecordingFile(file)
    assert file.read_bytes() == content
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_a_folder_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingFileError, match="Is a directory"):
        RecordingFile(tmp_path)
    with pytest.raises(RecordingFileError, match="No such file"):
        RecordingFile(tmp_path / "none" / "recording")


def test_two_schedulers_do_not_record_to_one_file(tmp_path: Path) -> None:
    first = RecordingFile(tmp_path / "recording")
    with pytest.raises(RecordingFileError, match="another scheduler records to it"):
        RecordingFile(tmp_path / "recording")
    first.close()
    RecordingFile(tmp_path / "recording").close()


def test_a_frame_is_recorded_as_it_is_performed(tmp_path: Path) -> None:
    """The recorder passes on the very frame that the core made."""
    frame = Frame((Put(Framework("f")),))
    recorder = Recorder(RecordingFile(tmp_path / "recording"))
    assert recorder.recorded(lambda *_: frame)(World(support.settings(), 7), Ticked(), 1.0) is frame
    recorder.close()
