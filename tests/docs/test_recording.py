"""The recording of a terminal in README.md: made by its tool, of commands that exist."""

import re

import pytest

from tests.docs.test_commands import faults
from tools.terminal_recording import COMMANDS, README, recording_in, replaced

_LONGEST = 40  # lines
_LOCAL = re.compile(r"(?<![\w.-])/(?:home|root|tmp|usr|var|work)\b")


def recorded() -> list[str]:
    """Its lines, without the fence."""
    fence, *lines, end = recording_in(README.read_text()).splitlines()
    assert (fence, end) == ("```console", "```")
    return lines


def test_it_shows_what_the_tool_runs_and_these_commands_exist() -> None:
    shown = [line.removeprefix("$ ") for line in recorded() if line.startswith("$ ")]
    assert shown == list(COMMANDS)
    assert [fault for each in shown for fault in faults(each.removeprefix("podexec "))] == []


def test_it_is_as_the_tool_writes_it() -> None:
    text = README.read_text()
    assert replaced(text, recorded()) == text
    assert replaced(text, ["$ podexec down", "stopped  "]) != text


def test_it_is_short_and_names_no_folder_of_a_machine() -> None:
    lines = recorded()
    assert len(lines) <= _LONGEST
    assert not [line for line in lines if _LOCAL.search(line)]


def test_what_is_recorded_ends_up_between_the_marks() -> None:
    text = replaced(README.read_text(), ["$ podexec down", "stopped  "])
    assert recording_in(text) == "```console\n$ podexec down\nstopped\n```\n"


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="substring"):
        replaced("# podexec\n", [])
