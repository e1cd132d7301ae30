"""Commands that the docs show exist, with these options."""

import re
from functools import cache
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from scheduler.cli.main import app
from tests.docs.pages import ROOT, blocks, spans

_COMMAND = re.compile(r"(?:^|\.venv/bin/|\$ )podexec +(?=[a-z-])(.*)")
_AFTER_IT = re.compile(r" {2,}\S| [>#] ")  # the words of a person, or of a shell
_OPTIONAL = re.compile(r"\[[^]]*]")
_NOTATION = re.compile(r"[\[\]…]")


@cache
def _podexec() -> Any:
    return get_command(app)


def _words(line: str) -> list[str]:
    """Without the notation; a bar is left only between commands."""
    shown = _OPTIONAL.sub(lambda optional: optional[0].replace("|", " "), _AFTER_IT.split(line)[0])
    return _NOTATION.sub(" ", shown).split()


def faults(line: str) -> list[str]:
    """What is wrong with a command as it is shown: `podexec` and brackets around what is optional left out."""
    words = _words(line)
    command = _podexec()
    while isinstance(command, TyperGroup) and words and not words[0].startswith("-"):
        if words[0] not in command.commands:
            return [f"{command.name} has no command {words[0]}"]
        command = command.commands[words.pop(0)]
        if "|" in words and isinstance(command, TyperGroup):
            several = " ".join(words).split("|")
            return [fault for each in several for fault in faults(f"{command.name} {each.strip()}")]
        if "|" in words and not any(word.startswith("-") for word in words):
            return []  # the first of several commands, which are looked at one by one
    known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | {"--help", "-h"}
    given = words[: words.index("--")] if "--" in words else words
    options = [word.partition("=")[0] for word in given if re.match(r"--?[a-z]", word)]
    return [f"{command.name} has no option {each}" for each in options if not _is_known(each, known)]


def _is_known(option: str, known: set[str]) -> bool:
    letters = option[1:]
    return option in known or (not option.startswith("--") and all(f"-{letter}" in known for letter in letters))


def test_commands_are_shown_as_they_are() -> None:
    shown = [
        (each, found[1])
        for each in (*blocks(), *spans())
        if each.page != ROOT / "CHANGELOG.md" and each.language in ("", "sh", "bash")
        for line in each.text.splitlines()
        if (found := _COMMAND.match(line.strip()))
    ]
    assert len(shown) > 80
    assert [f"{each}: {fault}" for each, line in shown for fault in faults(line)] == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("pod frobnicate", "pod has no command frobnicate"),
        ("pod add FILE [--wiat]", "add has no option --wiat"),
        ("cluster status | frobnicate ID", "cluster has no command frobnicate"),
        ("pod exec [-itz] ID -- ls --all", "exec has no option -itz"),
    ],
)
def test_what_does_not_exist_is_noticed(line: str, fault: str) -> None:
    assert faults(line) == [fault]
