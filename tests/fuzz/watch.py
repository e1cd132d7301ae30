"""Runs one case and looks at everything that must not happen."""

import contextlib
import gc
import logging
import re
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from tests.fuzz.target import FaultError, Finding, Target

MOST_MEMORY = 256 * 1024 * 1024  # bytes that one case may add for a while
_LONGEST_TEXT = 8000
_ROOT = str(Path(__file__).parents[2])
_PROCESS = Path("/proc/self")


def observe(target: Target, case: bytes) -> Finding | None:
    """The first thing that is wrong with a case; None: nothing is."""
    seconds, memory, found = _measured(target, case)
    if found is None and seconds > target.most_seconds:
        # A second time, as the first one may have imported or compiled something for good.
        again, memory, found = _measured(target, case)
        if found is None and again > target.most_seconds:
            text = f"took {min(seconds, again):.1f} s of CPU time; {target.most_seconds:g} is the limit"
            return Finding("hang", text, "hang")
    if found is None and memory > MOST_MEMORY:
        return Finding("memory", f"took {memory >> 20} MiB for a while; {MOST_MEMORY >> 20} is the limit", "memory")
    return found


def resident() -> int:
    """The memory of this process, in bytes, without garbage."""
    gc.collect()
    return _status("VmRSS")


def _measured(target: Target, case: bytes) -> tuple[float, int, Finding | None]:
    """The CPU time, the memory that was added for a while, and what else is wrong."""
    with contextlib.suppress(OSError):
        (_PROCESS / "clear_refs").write_text("5")  # the peak is the present
    before = _status("VmHWM")
    with _listening() as heard:
        started = time.thread_time()
        found = _run(target, case)
        seconds = time.thread_time() - started
    if found is None and heard:
        found = _finding("log", "\n".join(heard))
    return seconds, _status("VmHWM") - before, found


def _run(target: Target, case: bytes) -> Finding | None:
    try:
        target.run(case)
    except FaultError as error:
        return _finding(error.kind, str(error))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Finding("exception", _short(traceback.format_exc()), f"exception {_where(error)}")
    return None


def _status(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", (_PROCESS / "status").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _finding(kind: str, text: str) -> Finding:
    line = text.strip().splitlines()[-1] if kind == "log" else text
    alike = re.sub(r"[^a-zA-Z/ ]", "", re.sub(r"'[^']*'|\"[^\"]*\"|\b\w*\d\w*\b", "", line))
    return Finding(kind, _short(text), f"{kind} {alike[:60]}")


def _short(text: str) -> str:
    """Both ends of a long text: the last line of a traceback says what it was."""
    half = _LONGEST_TEXT // 2
    return text if len(text) <= _LONGEST_TEXT else f"{text[:half]}\n…\n{text[-half:]}"


def _where(error: BaseException) -> str:
    """The type of an error, and the innermost line of this project that it comes from."""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if each.filename.startswith(_ROOT)]
    own = [each for each in frames if "/tests/" not in each.filename and "/.venv" not in each.filename]
    place = (own or frames)[-1] if frames else None
    return type(error).__name__ + (f" {place.filename.removeprefix(_ROOT)}:{place.name}" if place else "")


@contextlib.contextmanager
def _listening() -> Iterator[list[str]]:
    """The tracebacks and errors that are logged, or lost in threads and destructors."""
    heard: list[str] = []

    def of_thread(lost: threading.ExceptHookArgs) -> None:
        heard.append("".join(traceback.format_exception(lost.exc_type, lost.exc_value, lost.exc_traceback)))

    def unraisable(lost: Any) -> None:
        heard.append("".join(traceback.format_exception(lost.exc_type, lost.exc_value, lost.exc_traceback)))

    handler = _Handler(heard)
    hooks = threading.excepthook, sys.unraisablehook
    threading.excepthook, sys.unraisablehook = of_thread, unraisable
    logging.getLogger().addHandler(handler)
    try:
        with capture_logs() as lines:
            yield heard
    finally:
        logging.getLogger().removeHandler(handler)
        threading.excepthook, sys.unraisablehook = hooks
    heard.extend(str(line) for line in lines if line.get("exc_info") or line.get("exception"))


class _Handler(logging.Handler):
    def __init__(self, heard: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        why = "".join(traceback.format_exception(record.exc_info[1])) if record.exc_info else ""
        self._heard.append(f"{record.getMessage()}\n{why}".rstrip())
