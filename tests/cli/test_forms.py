"""Every command that shows something has ``-o``, and ``--watch`` where that may change."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from scheduler.cli.main import app
from tests.cli.conftest import Run

# These change, run or wait for something, and say what came of it.
_DEEDS = """
abdicate add add-agent adopt compact cp down exec export import init install kill kill-agent kill-master logs pause plan
port-forward remove reset-delay restart restart-agent restart-master resume revoke rollback scale set start stop token
up update use wait watch
"""
CHANGING = set(_DEEDS.split())
# Without -o and --watch.
OF_ITS_OWN_FORM = {
    "scheduler": "runs until it is told to stop",
    "systemd-unit": "prints a file",
    "replay": "prints the steps of a recording, one after the other",
    "board": "is drawn on a full screen",
    "events": "prints events as they come: --json",
    "pod render": "prints JSON",
    "pod schema": "prints JSON",
    "pod validate": "prints problems at their lines, as compilers do",
    "pod diff": "prints the differences of two definitions",
    "policy check": "says whether a file is valid",
    "cluster logs": "prints lines of a log",
}
# With -o, but without --watch.
NEVER_CHANGING = {
    "version": "is that of this installation",
    "pod explain": "is documentation",
    "store check": "reads all of a store, which is not in use",
    "doctor": "is asked once; its exit code tells the result",
}


def _commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """Every command with its options."""
    if hasattr(command, "commands"):
        for name, each in command.commands.items():
            yield from _commands(each, (*words, name))
    else:
        yield words, {option for each in command.params for option in each.opts}


COMMANDS = dict(_commands(typer.main.get_command(app)))
SHOWING = [each for each in COMMANDS if each[-1] not in CHANGING and " ".join(each) not in OF_ITS_OWN_FORM]


def test_the_exceptions_exist() -> None:
    assert {*OF_ITS_OWN_FORM, *NEVER_CHANGING} <= {" ".join(each) for each in COMMANDS}
    assert {each[-1] for each in COMMANDS} >= CHANGING
    assert len(SHOWING) > 20


@pytest.mark.parametrize("words", SHOWING, ids=" ".join)
def test_what_is_shown_has_forms_and_can_be_watched(words: tuple[str, ...]) -> None:
    wanted = {"--output", "-o"} | (set() if " ".join(words) in NEVER_CHANGING else {"--watch", "-w"})
    assert wanted <= COMMANDS[words]


def test_files_of_this_machine_have_forms_and_are_watched(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, later = tmp_path / "principals", tmp_path / "later"
    run("user", "add", "ann", "--principals", str(file))
    shutil.copy(file, later)
    run("user", "add", "bob", "--principals", str(later))
    listing = ("user", "list", "--principals", str(file))
    answer = run(*listing, "--json").out
    assert yaml.safe_load(run(*listing, "-o", "yaml").out) == json.loads(answer)

    def sleep(_seconds: float) -> None:
        if not later.exists():
            raise KeyboardInterrupt
        later.replace(file)

    monkeypatch.setattr("scheduler.cli.look.time.sleep", sleep)
    outcome = run(*listing, "--watch", "-o", "name")
    assert (outcome.code, outcome.out.split()) == (130, ["ann", "ann", "bob"])
