"""`podexec board`: what keys do, what is drawn, and all of it on a terminal."""

import os
import pty
import sys

import pytest

from scheduler.cli import screen
from scheduler.cli.board import Board
from scheduler.cli.look import Look, View
from scheduler.core.events import PodPosted
from tests.cli.conftest import Run
from tests.core.support import definition
from tests.fakes.loop import FakeLoop
from tests.terminal import Terminal, set_size

NAMES = [f"/pod-{n}" for n in range(30)]


def after(keys: list[str], board: Board | None = None) -> Board:
    """The board after these keys."""
    shown = board or Board()
    for key in keys:
        shown = shown.pressed(key, [each for each in NAMES if shown.filter in each])
    return shown


def pods(names: list[str] = NAMES) -> View:
    """A list of pods."""
    grid = screen.Grid(("POD", "STATUS"))
    for each in names:
        grid.add(each, "STABLE")
    return View([], names, lambda _look: [grid])


def rows(board: Board, view: View, height: int) -> list[tuple[str, bool]]:
    """The ids that are drawn, and whether they are marked."""
    (grid,) = (each for each in board.drawn(view, Look(), height) if isinstance(each, screen.Grid))
    return [
        (row[0].text if isinstance(row[0], screen.Word) else str(row[0]), row[0] != str(row[0])) for row in grid.rows
    ]


@pytest.mark.parametrize(
    ("keys", "at"),
    [
        ([], 0),
        (["j", "down"], 2),
        (["k", "up"], 0),
        (["page down"] * 9, 29),
        (["page down", "page up", "j"], 1),
        (["x", "\u202e", "enter", "escape"], 0),
    ],
)
def test_the_selection_stays_in_the_list(keys: list[str], at: int) -> None:
    assert after(keys).at == at


def test_details_of_the_selected_pod_and_back() -> None:
    shown = after(["j", "w"])
    assert (shown.subject, shown.detail) == ("/pod-1", "w")
    shown = after(["j", "j", "k", "t"], shown)
    assert (shown.subject, shown.detail, shown.scrolled, shown.at) == ("/pod-1", "t", 0, 1)
    shown = after(["escape"], shown)
    assert (shown.subject, shown.at) == ("", 1)
    assert after(["d", "enter"]).subject == "", "deployments have no such details"
    assert Board().pressed("enter", []).subject == ""
    assert after(["q"]).ended


def test_what_is_typed_filters_and_is_no_command() -> None:
    shown = after(["/", "q", "backspace", "2"])
    assert (shown.filter, shown.typing, shown.ended) == ("2", True, False)
    assert [name for name, _ in rows(shown, pods(), 100)] == [each for each in NAMES if "2" in each]
    assert after(["enter", "j", "enter"], shown).subject == "/pod-12"
    assert after(["escape"], shown).filter == ""


@pytest.mark.parametrize(("height", "fit"), [(0, 1), (6, 1), (15, 10), (100, 30)])
def test_the_selected_row_is_on_the_screen(height: int, fit: int) -> None:
    for at in (0, 7, 29):
        drawn = rows(Board(at=at), pods(), height)
        assert len(drawn) == fit
        assert [name for name, is_marked in drawn if is_marked] == [NAMES[at]]
    assert rows(Board(at=29), pods(NAMES[:3]), height)[-1] == (NAMES[2], True), "rows have gone"


def test_details_are_scrolled_to_their_last_line() -> None:
    grid = screen.Grid(("A",), rows=[(str(n),) for n in range(5)])
    view = View([], [], lambda _look: ["one", grid, "last"])

    def drawn(scrolled: int) -> list[object]:
        return [
            [row[0] for row in each.rows] if isinstance(each, screen.Grid) else each
            for each in Board(subject="/x", scrolled=scrolled).drawn(view, Look(), 20)[1:-1]
        ]

    assert drawn(0) == ["one", ["0", "1", "2", "3", "4"], "last"]
    assert drawn(3) == [["2", "3", "4"], "last"]
    assert drawn(1000) == ["last"]


def test_a_scheduler_that_does_not_answer_is_told() -> None:
    assert "no scheduler answers" in Board().drawn(None, Look(), 20, "no scheduler answers")


def test_it_needs_a_terminal(run: Run, url: str) -> None:
    refused = run("board")
    assert (refused.code, refused.out, "podexec pod list --watch" in refused.err) == (2, "", True)


def test_on_a_terminal(url: str, loop: FakeLoop) -> None:
    for name in ("/first", "/second"):
        loop.happens(PodPosted(1, definition(id=name)))
    loop.run_all()
    words = [sys.executable, "-P", "-m", "scheduler.cli.main", "board"]
    process, outer = pty.fork()
    if process == 0:
        os.execve(words[0], words, os.environ | {"TERM": "xterm", "PODEXEC_URL": url})
    try:
        set_size(outer, 30, 100)
        terminal = Terminal(outer)
        terminal.types("", until="/second")
        terminal.types("jw", until="/second is STABLE")
        terminal.types("\x1b", until="/first")
        terminal.types("/fir\r", until="filter: fir ")
        terminal.types("t", until="launched")
        loop.happens(PodPosted(1, definition(id="/third")))
        terminal.types("p", until="/third")
        terminal.types("q", until="\x1b[?1049l")
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    finally:
        os.close(outer)
