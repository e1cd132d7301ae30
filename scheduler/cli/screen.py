"""All output to stdout and stderr goes through here.

Every string is made safe to show: in foreign strings, from pod ids to agents' messages, markup is not interpreted,
control characters are escaped, and the passwords in URLs are left out. Only cells of tables on a terminal are wrapped,
so that paths and commands can be copied and lines can be searched for. Colours appear on a terminal only, and not with
``NO_COLOR``.

Output for programs is unchanged: ``data``, and what containers wrote unless it goes to a terminal.
"""

import codecs
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

import typer

from scheduler.model.urls import without_password
from scheduler.observe.visible import clipped, visible, visible_with_colours, without_colours

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_LONGEST_LINE = 16_384  # characters; more than the longest path
_LONGEST_IN_CELL = 1000
_MOST_LINES_IN_CELL = 50
_AS_WIDE_AS_NEEDED = 1_000_000  # columns
_BETWEEN_COLUMNS = 3
_SHORTEST_CUT = 12


@dataclass(frozen=True, slots=True)
class Word:
    """A string in one of Rich's colours."""

    text: str
    colour: str


# The content of one cell of a table; several strings are lines below each other.
Cell = str | Word | Sequence[str]


@dataclass(slots=True)
class Grid:
    """A table.

    Attributes:
        columns: their headings.
        numbers: headings of columns that are aligned to the right.
        note: a line below.
        ruled: whether a line is drawn below the headings.
        cut: the heading of a column that is cut to the terminal's width; None: none is, all are wrapped.
    """

    columns: Sequence[str]
    title: str | None = None
    note: str | None = None
    numbers: frozenset[str] = frozenset()
    ruled: bool = True
    cut: str | None = None
    rows: list[tuple[Cell, ...]] = field(default_factory=list)

    def add(self, *cells: Cell) -> None:
        """Add a row."""
        self.rows.append(cells)


# A line, a table, or a line of several strings.
Part = str | Grid | tuple[Cell, ...]


def prepare() -> None:
    """Escape characters that the output's encoding lacks instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        _never_fails(stream)


def say(text: str) -> None:
    """Print a line of the command's result."""
    typer.echo(_plain(text))


def tell(text: str) -> None:
    """Print a line about progress, or a hint, to stderr."""
    typer.echo(_plain(text), err=True)


def tell_lines(lines: Iterable[str]) -> None:
    """Print the lines of an error to stderr; each may contain line breaks."""
    for line in lines:
        typer.echo("\n".join(_plain(part) for part in line.split("\n")), err=True)


def confirm(question: str) -> None:
    """Ask for confirmation. Raises typer.Abort if the answer is no."""
    typer.confirm(_plain(question), abort=True, err=True)


def new_password() -> str:
    """Ask for a new password, twice, without showing it. Raises typer.Abort if none is given."""
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return password


def secret(question: str) -> str:
    """Ask for a secret, without showing it. Raises typer.Abort if none is given."""
    given: str = typer.prompt(question, hide_input=True, err=True)
    return given


def data(text: str, end: str = "\n") -> None:
    """Print output for programs, unchanged."""
    typer.echo(f"{text}{end}", nl=False)


def print_json(value: Any) -> None:
    """Print JSON from the API, indented."""
    data(json.dumps(value, indent=2))


def print_yaml(value: Any) -> None:
    """Print what the API answered in YAML, which escapes control characters."""
    import yaml

    data(yaml.safe_dump(value, sort_keys=False, width=_AS_WIDE_AS_NEEDED), end="")


def print_text(text: str) -> None:
    """Print text for programs, ending in a line break; on a terminal control characters are escaped."""
    if text and not text.endswith("\n"):
        text += "\n"
    sys.stdout.write(visible(text, lines=True) if is_terminal() else text)


def pass_on(chunks: Iterable[bytes]) -> None:
    """Print bytes of a container: unchanged, except on a terminal, which they must not control."""
    if is_terminal():
        for text in codecs.iterdecode(chunks, "utf-8", "replace"):
            sys.stdout.write(visible(text, lines=True))
        sys.stdout.flush()
        return
    for chunk in chunks:
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def show(*parts: Part) -> None:
    """Print lines and tables below each other; a tuple is a line of several parts."""
    console = _console()
    for part in parts:
        console.print(_renderable(part, console.width), soft_wrap=not isinstance(part, Grid))


def redraw(pictures: Iterator[Sequence[Part]], *, full: bool = False) -> None:
    """Show each picture in place of the previous one, or alone on a full screen; only if ``is_terminal``."""
    from rich.console import Group
    from rich.live import Live

    console = _console()
    with Live(console=console, auto_refresh=False, screen=full) as live:
        for parts in pictures:
            live.update(Group(*(_renderable(part, console.width) for part in parts)), refresh=True)


def height() -> int:
    """Lines of the terminal."""
    return _console().height


def is_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout.isatty()


class LogLines:
    """Prints lines that containers wrote, each with a prefix. Written to a file they are unchanged; on a terminal,
    their colours are left out unless they are wanted, and other escape sequences are made visible.
    """

    _COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_cyan", "bright_magenta", "bright_green")

    def __init__(self, *, colours: bool = False) -> None:
        """``colours``: those of the lines are kept on a terminal."""
        self._watched = is_terminal()
        self._coloured = self._watched and not os.environ.get("NO_COLOR")
        self._kept = colours
        self._colours: dict[str, str] = {}

    def print(self, line: str, whose: str = "", group: str = "", when: str = "") -> None:
        """Print a line; prefixes of one group have one colour. ``when`` is printed in front."""
        prefix = visible(when) + (f"{self._prefix(visible(whose), group)} | " if whose else "")
        sys.stdout.write(f"{prefix}{self._shown(line)}\n")
        sys.stdout.flush()

    def _prefix(self, whose: str, group: str) -> str:
        if not self._coloured:
            return whose
        colour = self._colours.setdefault(group, self._COLOURS[len(self._colours) % len(self._COLOURS)])
        return typer.style(whose, fg=colour)

    def _shown(self, line: str) -> str:
        if not self._watched:
            return line
        line = line.removesuffix("\r")
        return visible_with_colours(line if self._kept else without_colours(line))


def _never_fails(stream: TextIO) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _plain(text: str) -> str:
    return _shown(text, _LONGEST_LINE)


def _shown(text: str, most: int) -> str:
    return visible(clipped(without_password(text), most))


def _console() -> "Console":
    """Standard output, as wide as the terminal or, without one, as its lines need."""
    from rich.console import Console

    wide = None if is_terminal() else _AS_WIDE_AS_NEEDED
    return Console(highlight=False, markup=False, emoji=False, width=wide)


def _renderable(part: Part, width: int) -> "Table | Text":
    from rich.text import Text

    if isinstance(part, Grid):
        return _table(part, width if is_terminal() else None)
    cells = part if isinstance(part, tuple) else (part,)
    return Text().join(_text(each, _LONGEST_LINE) for each in cells)


def _table(grid: Grid, width: int | None) -> "Table":
    """``width``: of the terminal, to which a column may be cut; None: there is none."""
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD if grid.ruled else None,
        pad_edge=False,
        header_style="bold",
        title=None if grid.title is None else _text(grid.title),
        title_justify="left",
        caption=None if grid.note is None else _text(grid.note),
        caption_justify="left",
    )
    rows = [[_text(cell) for cell in row] for row in grid.rows]
    for index, column in enumerate(grid.columns):
        if width is not None and column == grid.cut:
            others = [at for at in range(len(grid.columns)) if at != index]
            table.add_column(column, overflow="ellipsis", no_wrap=True, max_width=_left(grid, rows, others, width))
        else:
            table.add_column(column, overflow="fold", justify="right" if column in grid.numbers else "left")
    for row in rows:
        table.add_row(*row)
    return table


def _left(grid: Grid, rows: Sequence[Sequence["Text"]], others: Sequence[int], width: int) -> int:
    """The width that the other columns leave, but at least enough to read something."""
    used = 0
    for at in others:
        cells = [line.cell_len for row in rows for line in row[at].split("\n")]
        used += max([len(grid.columns[at]), *cells]) + _BETWEEN_COLUMNS
    return max(_SHORTEST_CUT, width - used - _BETWEEN_COLUMNS)


def _text(cell: Cell, most: int = _LONGEST_IN_CELL) -> "Text":
    from rich.text import Text

    if isinstance(cell, Word):
        return Text(_shown(cell.text, most), style=cell.colour)
    if isinstance(cell, str):
        return Text(_shown(cell, most))
    shown = [_shown(each, most) for each in cell[:_MOST_LINES_IN_CELL]]
    if len(cell) > len(shown):
        shown.append(f"… and {len(cell) - len(shown)} more")
    return Text("\n".join(shown))
