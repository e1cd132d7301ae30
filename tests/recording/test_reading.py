"""What is damaged, cut off or written by a newer podexec is told with its line."""

import gzip
import io

import pytest

from scheduler.core.events import Subscribed, Ticked
from scheduler.core.step import step
from scheduler.core.world import World
from scheduler.recording import reading
from scheduler.recording.reading import Begun, DamagedError, Ended, Recorded, read
from tests.core import support
from tests.recording.support import run_of, steps_of
from tests.store.samples import all_records


def run() -> bytes:
    """A header, the seven records of a store, three steps, and the end."""
    records = all_records()
    world = World(support.settings(), 1, records)
    log = [
        (event, support.NOON + number, step(world, event, support.NOON + number))
        for number, event in enumerate((Subscribed("framework-1", "master:5050"), Ticked(), Ticked()))
    ]
    return run_of(support.settings(), 1, records, log)


RUN = run()
LINES = RUN.splitlines(keepends=True)


def kinds(recording: bytes) -> list[str]:
    return [type(each).__name__ for each in read(io.BytesIO(recording))]


def why(recording: bytes) -> str:
    with pytest.raises(DamagedError) as error:
        list(read(io.BytesIO(recording)))
    return str(error.value)


def test_a_whole_run() -> None:
    assert kinds(RUN) == ["Begun", *["Stored"] * 7, *["Recorded"] * 3, "Ended"]


@pytest.mark.parametrize("packed", [False, True])
def test_wherever_it_is_cut_off_it_is_read_up_to_there(packed: bool) -> None:
    """Also compressed: then a little more is missing."""
    whole = gzip.compress(RUN) if packed else RUN
    lengths = set()
    for length in range(len(LINES[0]), len(whole)) if not packed else range(len(whole) // 2, len(whole)):
        found = list(read(io.BytesIO(whole[:length])))
        assert isinstance(found[0], Begun)
        assert isinstance(found[-1], Ended)
        if found[-1].why is None:
            lengths.add(len(found))
    assert max(lengths) == len(LINES)  # all but the last line, and the end that is made up for it


def test_an_empty_file_and_another_one_are_no_recordings() -> None:
    assert kinds(b"") == []
    assert why(b"SQLite format 3\0\n").startswith("line 1: this is no line of a recording")
    assert why(b'{"a": 1}\n') == "line 1: this is no recording of podexec: it does not begin with a header"
    assert why(b"[1]\n") == "line 1: this is no line of a recording: no JSON object"


@pytest.mark.parametrize("number", range(2, len(LINES)))
def test_a_damaged_line_is_named(number: int) -> None:
    damaged = [*LINES]
    damaged[number - 1] = b"\0" * 40 + b"\n"
    assert why(b"".join(damaged)).startswith(f"line {number}: this is no line of a recording")


def test_a_damaged_compressed_file_is_told() -> None:
    packed = bytearray(gzip.compress(RUN * 50))
    packed[len(packed) // 2] ^= 0xFF
    assert "the compressed file is damaged" in why(bytes(packed)) or "line" in why(bytes(packed))
    packed = bytearray(gzip.compress(RUN))
    packed[-6] ^= 0xFF  # in the checksum at its end
    assert "the compressed file is damaged" in why(bytes(packed))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b'"recording":1', b'"recording":2', "line 1: the recording has layout 2, and this podexec reads 1"),
        (b'"seed":1', b'"seed":"1"', "line 1: is '1', not a int"),
        (b'"role":"*"', b'"rule":"*"', "line 1: has the unknown field 'rule'"),
        (b'"placement":"spread"', b'"placement":"warp"', "line 1: .placement is 'warp'"),
        (b'{"record":"framework"', b'{"record":"fleet"', "line 2: version 1 of the record 'fleet' is unknown"),
        (b'"key":"","version":1', b'"key":"","version":9', "line 2: version 9 of the record 'framework' is unknown"),
        (b'"event":"Ticked"', b'"event":"Tocked"', "line 10: the event 'Tocked' is unknown"),
        (b'"event":"Ticked","data":{}', b'"event":"Ticked","data":{"x":1}', "line 10: Ticked has the unknown field"),
        (b'"master":"master:5050"', b'"master":5050', "line 9: Subscribed.master is 5050, not a str"),
        (b',"changes":[],', b",", "line 9: it lacks 'changes'"),
        (b'"effects":[', b'"effects":[7,', "line 9: a frame is no list of objects"),
        (b'{"end":"', b'{"and":"', "line 12: it lacks 'end'"),
    ],
)
def test_what_this_podexec_does_not_know_is_told_with_its_line(old: bytes, new: bytes, told: str) -> None:
    assert old in RUN
    assert why(RUN.replace(old, new, 1)).startswith(told)


def test_records_that_do_not_fit_together_are_told() -> None:
    lines = [line for line in LINES if not line.startswith(b'{"record":"definition"')]
    with pytest.raises(DamagedError, match="line 1: the records that this run begins with do not fit"):
        steps_of(b"".join(lines))


def test_a_line_without_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_LONGEST_LINE", 1_000_000)
    assert why(LINES[0] + b"x" * 3_000_000) == "line 2: it is longer than 1000000 bytes"


def test_runs_follow_each_other_also_as_separately_compressed_files() -> None:
    packed = gzip.compress(RUN) + gzip.compress(RUN)
    assert kinds(packed) == kinds(RUN) * 2
    assert [each.line for each in read(io.BytesIO(packed)) if isinstance(each, Begun)] == [1, 1 + len(LINES)]


def test_recorded_steps_know_their_lines() -> None:
    assert [each.line for each in read(io.BytesIO(RUN)) if isinstance(each, Recorded)] == [9, 10, 11]
