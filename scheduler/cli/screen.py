"""All output to stdout and stderr goes through here.

Every string is made safe to show: in foreign strings, from pod ids to agents' messages, markup is not interpreted and
control characters are escaped. Only cells of tables on a terminal are wrapped, so that paths and commands can be copied
and lines can be searched for. Colours appear on a terminal only, and not with ``NO_COLOR``.

Output for programs is unchanged: ``data``, and ``pass_on`` for the bytes of containers.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

import typer

from scheduler.observe.visible import clipped, visible, visible_with_colours, without_colours

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_LONGEST_LINE = 16_384  # characters; more than the longest path
_LONGEST_IN_CELL = 1000
_MOST_LINES_IN_CELL = 50
_AS_WIDE_AS_NEEDED = 1_000_000  # columns


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
    """

    columns: Sequence[str]
    title: str | None = None
    note: str | None = None
    numbers: frozenset[str] = frozenset()
    ruled: bool = True
    rows: list[tuple[Cell, ...]] = field(default_factory=list)

    def add(self, *cells: Cell) -> None:
        """Add a row."""
        self.rows.append(cells)


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


def data(text: str, end: str = "\n") -> None:
    """Print output for programs, unchanged."""
    typer.echo(f"{text}{end}", nl=False)


def print_json(value: Any) -> None:
    """Print JSON from the API, indented."""
    data(json.dumps(value, indent=2))


def pass_on(chunks: Iterable[bytes]) -> None:
    """Print bytes of a container, unchanged."""
    for chunk in chunks:
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def show(*parts: str | Grid | tuple[Cell, ...]) -> None:
    """Print lines and tables below each other; a tuple is a line of several parts."""
    console = _console()
    for part in parts:
        if isinstance(part, Grid):
            console.print(_table(part))
        else:
            from rich.text import Text

            cells = part if isinstance(part, tuple) else (part,)
            console.print(Text().join(_text(each, _LONGEST_LINE) for each in cells), soft_wrap=True)


def redraw(grids: Iterator[Grid]) -> None:
    """Show each table in place of the previous one; only if ``is_terminal``."""
    from rich.live import Live

    with Live(console=_console(), auto_refresh=False) as live:
        for grid in grids:
            live.update(_table(grid), refresh=True)


def clear() -> None:
    """Clear the terminal, if there is one."""
    if is_terminal():
        _console().clear()


def is_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout.isatty()


class LogLines:
    """Prints lines that containers wrote, each with a prefix. Written to a file they are unchanged; on a terminal only
    their colours are kept, and other escape sequences are made visible.
    """

    _COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_cyan", "bright_magenta", "bright_green")

    def __init__(self) -> None:
        self._watched = is_terminal()
        self._coloured = self._watched and not os.environ.get("NO_COLOR")
        self._colours: dict[str, str] = {}

    def print(self, line: str, whose: str = "", group: str = "") -> None:
        """Print a line; prefixes of one group have one colour."""
        prefix = f"{self._prefix(visible(whose), group)} | " if whose else ""
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
        return visible_with_colours(line if self._coloured else without_colours(line))


def _never_fails(stream: TextIO) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _plain(text: str) -> str:
    return visible(clipped(text, _LONGEST_LINE))


def _console() -> "Console":
    """Standard output, as wide as the terminal or, without one, as its lines need."""
    from rich.console import Console

    wide = None if is_terminal() else _AS_WIDE_AS_NEEDED
    return Console(highlight=False, markup=False, emoji=False, width=wide)


def _table(grid: Grid) -> "Table":
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
    for column in grid.columns:
        table.add_column(column, overflow="fold", justify="right" if column in grid.numbers else "left")
    for row in grid.rows:
        table.add_row(*(_text(cell) for cell in row))
    return table


def _text(cell: Cell, most: int = _LONGEST_IN_CELL) -> "Text":
    from rich.text import Text

    if isinstance(cell, Word):
        return Text(visible(clipped(cell.text, most)), style=cell.colour)
    if isinstance(cell, str):
        return Text(visible(clipped(cell, most)))
    shown = [visible(clipped(each, most)) for each in cell[:_MOST_LINES_IN_CELL]]
    if len(cell) > len(shown):
        shown.append(f"… and {len(cell) - len(shown)} more")
    return Text("\n".join(shown))
