"""The table of what was missing for pods: each row says where it is now, by a command that exists or a page."""

import re

from tests.docs.pages import ROOT
from tests.docs.test_commands import faults

_ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| (.+) \|$", re.MULTILINE)
_COMMAND = re.compile(r"`podexec ([^`]+)`")


def test_each_row_names_commands_that_exist_or_a_page() -> None:
    page = (ROOT / "docs" / "compatibility.md").read_text()
    rows = _ROW.findall(page)
    assert [int(number) for number, _, _ in rows] == list(range(1, 21))
    for number, missing, now in rows:
        commands = _COMMAND.findall(now)
        assert commands or "](" in now, f"row {number}: {missing}"
        assert [fault for each in commands for fault in faults(each)] == [], f"row {number}"
