"""Log lines: JSON for machines, ids as fields, libraries included."""

import io
import json
import logging
import re
from collections import Counter
from collections.abc import Iterator

import pytest
import structlog

from scheduler.observe.log import MOST_LINES, configure


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_are_json_with_fields_when_nobody_watches() -> None:
    stream = io.StringIO()
    configure("info", stream)
    structlog.get_logger("scheduler").warning("launched", pod_id="/a", count=2, kind=ValueError)
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "launched",
        "level": "warning",
        "logger": "scheduler",
        "pod_id": "/a",
        "count": 2,
        "kind": "<class 'ValueError'>",
    }


def test_lines_are_text_on_a_terminal_and_tracebacks_show_no_variables() -> None:
    stream = Terminal()
    configure("info", stream)
    try:
        secret = "s3cret"
        raise KeyError(len(secret))
    except KeyError:
        structlog.get_logger("scheduler").exception("failed", pod_id="/a")
    text = stream.getvalue()
    assert "failed" in text
    assert "KeyError: 6" in text
    assert "s3cret" not in text


def test_nothing_in_a_line_steers_the_terminal() -> None:
    """Wherever it stands: in an event, a field, a list, an exception's message."""
    stream = Terminal()
    configure("info", stream)
    hostile = "\x1b]0;t\x07\u202e\n\x9b2J"
    try:
        raise ValueError(hostile)
    except ValueError as error:
        structlog.get_logger("scheduler").exception(hostile, text=hostile, many=[hostile], error=error)
    logging.getLogger("kazoo").warning("%s", hostile)
    shown = stream.getvalue()
    assert shown.count("\\x1b]0;t") >= 5
    assert not {"\x07", "\u202e", "\x9b"} & set(shown)
    assert set(re.findall(r"\x1b(.)", shown)) == {"["}  # our own colours


def test_nothing_in_json_steers_a_terminal_on_which_it_is_read_later() -> None:
    stream = io.StringIO()
    configure("info", stream)
    hostile = "\x1b]0;t\x07\u202e\n\x9b2J\x7f\u2028\U000e0041"
    for half in ("", "\udc80"):
        structlog.get_logger("scheduler").warning(hostile, text=hostile + half, many=[hostile])
    for line in stream.getvalue().splitlines():
        assert line.isascii()
        assert line.isprintable()
        assert json.loads(line)["text"].startswith(hostile)


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["json", "terminal"])
def test_passwords_in_urls_are_left_out(stream: io.StringIO) -> None:
    """Wherever they stand, of libraries and in tracebacks too."""
    configure("info", stream)
    url = "zk://me:h4sh@host:2181/mesos"
    try:
        raise ValueError(url)
    except ValueError as error:
        structlog.get_logger("scheduler").exception(url, text=url, many=[url], pairs={"a": url}, error=error)
    logging.getLogger("kazoo").warning("%s", url)
    assert stream.getvalue().count("zk://host:2181/mesos") >= 6
    assert "h4sh" not in stream.getvalue()


def test_half_of_a_surrogate_pair_is_logged() -> None:
    stream = io.StringIO()
    configure("info", stream)
    structlog.get_logger("scheduler").warning("from outside", text="\ud800", big=1 << 70)
    assert json.loads(stream.getvalue())["text"] == "\ud800"


def test_the_level_holds_for_us_and_for_libraries() -> None:
    stream = io.StringIO()
    configure("info", stream)
    structlog.get_logger("scheduler").debug("quiet")
    logging.getLogger("some.library").debug("quiet")
    logging.getLogger("kazoo.client").info("quiet")
    logging.getLogger("some.library").warning("loud %s", "enough")
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert (line["event"], line["logger"], line["level"]) == ("loud enough", "some.library", "warning")


def test_a_librarys_own_handler_says_nothing_twice() -> None:
    own = io.StringIO()
    library = logging.getLogger("podexec._vendor.pymesos")
    library.addHandler(logging.StreamHandler(own))
    stream = io.StringIO()
    configure("info", stream)
    library.warning("once")
    assert own.getvalue() == ""
    assert len(stream.getvalue().splitlines()) == 1


def test_an_exception_of_a_library_keeps_its_traceback() -> None:
    stream = io.StringIO()
    configure("info", stream)
    try:
        raise KeyError("x")
    except KeyError:
        logging.getLogger("uvicorn.error").exception("broken")
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert "KeyError: 'x'" in line["exception"]


def test_a_line_that_cannot_be_written_is_lost_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    configure("info", Full())
    structlog.get_logger("scheduler").warning("ours")
    logging.getLogger("some.library").warning("theirs")
    assert capsys.readouterr().err.count("--- Logging error ---") == 2


def test_a_flood_of_warnings_and_errors_does_not_fill_the_disk() -> None:
    stream = io.StringIO()
    configure("info", stream)
    ours, library = structlog.get_logger("scheduler"), logging.getLogger("uvicorn.error")
    for number in range(5 * MOST_LINES):
        ours.error("an event cannot be read", number=number)
        ours.warning(f"a kind of its own: {number}")
        ours.info("launched", number=number)
        library.error("broken: %d", number)
    ours.error("something else")
    kinds = Counter(json.loads(line)["event"].partition(":")[0] for line in stream.getvalue().splitlines())
    assert kinds["launched"] == 5 * MOST_LINES, "what it did itself is all there"
    assert kinds["an event cannot be read"] == kinds["broken"] == MOST_LINES
    assert kinds["a kind of its own"] < 3 * MOST_LINES


def test_configuring_again_replaces_what_was() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure("info", first)
    configure("debug", second, as_json=False)
    structlog.get_logger("scheduler").debug("now here")
    assert first.getvalue() == ""
    assert "now here" in second.getvalue()


def test_an_unknown_level_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="debug, info"):
        configure("loud")
