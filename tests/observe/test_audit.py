"""The audit log's file: JSON lines, appended, rotated by others, private; a full disk stops no request."""

import json
import os
import stat
from pathlib import Path

import pytest
import structlog

from scheduler.model.json import Json
from scheduler.observe.audit import AuditLog


def lines_of(path: Path) -> list[Json]:
    """The lines of a file, without their times."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert all(line.pop("timestamp") for line in lines)
    return lines


def test_lines_are_json_without_what_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_text('{"timestamp": "before"}\n')
    log = AuditLog(path)
    log.write("write", user="an\nna \x1b[31m", client_ip=None, instances=(), status=201, allowed=False, at=Path("/x"))
    log.write("write", pod_id="/b" + "x" * 130_000)
    log.close()

    assert lines_of(path) == [
        {},
        {"event": "write", "user": "an\nna \x1b[31m", "status": 201, "allowed": False, "at": "/x"},
        {"event": "write", "pod_id": "/b" + "x" * 130_000},
    ]
    assert "\x1b" not in path.read_text()


def test_others_may_rotate_the_file(tmp_path: Path) -> None:
    path, old = tmp_path / "audit.log", tmp_path / "audit.log.1"
    log = AuditLog(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    log.write("first")
    path.rename(old)
    log.write("second")
    path.unlink()
    log.write("third")
    log.close()

    assert lines_of(old) == [{"event": "first"}]
    assert lines_of(path) == [{"event": "third"}]


def test_what_cannot_be_written_is_in_the_log_and_complained_about_once(tmp_path: Path) -> None:
    log = AuditLog(Path("/dev/full"))
    with structlog.testing.capture_logs() as lines:
        log.write("write", user="anna")
        log.write("write", user="otto")
    log.close()

    assert [(line["event"], line.get("user")) for line in lines] == [
        ("write", "anna"),
        ("cannot write to the audit log; its lines are here", None),
        ("write", "otto"),
    ]
    assert lines[1]["error"] == f"[Errno 28] {os.strerror(28)}"


def test_half_a_surrogate_pair_stops_nothing(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.log")
    with structlog.testing.capture_logs() as lines:
        log.write("write", user="\ud800")
    log.close()
    assert lines[0] == {"event": "write", "user": "\ud800", "log_level": "info"}


def test_without_a_file_the_lines_are_in_the_log() -> None:
    with structlog.testing.capture_logs() as lines:
        AuditLog().write("write", user="anna", path="")
    assert lines == [{"event": "write", "user": "anna", "log_level": "info"}]


def test_a_file_that_cannot_be_opened_is_found_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        AuditLog(tmp_path / "none" / "audit.log")
