"""How lists and single objects are printed: as a table, JSON, YAML, names or what a JSONPath finds, once or again
after every change.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli import screen
from scheduler.cli.ages import age
from scheduler.cli.errors import CommandError
from scheduler.cli.output import client_of
from scheduler.cli.short_ids import short_ids

if TYPE_CHECKING:
    from scheduler.cli.json_template import JsonTemplate

_REFRESH = 1.0  # seconds: ages grow
_QUIET = 10.0
_RETRY = 1.0
_FIRST_SERVER_ERROR = 500

Draw = Callable[["Look"], Iterable[screen.Part]]


class Form(StrEnum):
    """Forms of output."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"
    JSONPATH = "jsonpath"


@dataclass(frozen=True, slots=True)
class Format:
    """What ``--output`` asks for; ``template``: only with JSONPATH."""

    form: Form
    template: "JsonTemplate | None" = None

    def __str__(self) -> str:
        return self.form.value


TABLE = Format(Form.TABLE)
_TEMPLATE = f"{Form.JSONPATH}="
_CHOICES = (*(each for each in Form if each is not Form.JSONPATH), _TEMPLATE)


def _format(value: str | Format) -> Format:
    """Read the value of ``--output``. Raises typer.BadParameter."""
    if isinstance(value, Format):
        return value
    if value.startswith(_TEMPLATE):
        from scheduler.cli.json_template import TemplateError, template

        try:
            return Format(Form.JSONPATH, template(value.removeprefix(_TEMPLATE)))
        except TemplateError as error:
            raise typer.BadParameter(str(error)) from None
    if value not in _CHOICES:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(_CHOICES)}TEMPLATE")
    return Format(Form(value))


def _complete(incomplete: str) -> list[str]:
    return [each for each in _CHOICES if each.startswith(incomplete)]


Output = Annotated[
    Format,
    typer.Option(
        "--output",
        "-o",
        parser=_format,
        metavar="FORMAT",
        autocompletion=_complete,
        help="table, wide (nothing is shortened), json or yaml (the API's answer), name (only the ids), or "
        "jsonpath=TEMPLATE (parts of the answer, in kubectl's syntax).",
    ),
]
Utc = Annotated[bool, typer.Option("--utc", help="Show times in UTC instead of ages.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Show it again after every change, until Ctrl-C.")]


@dataclass(frozen=True, slots=True)
class Look:
    """How it is printed.

    Attributes:
        utc: times instead of ages.
        now: the time of the scheduler, seconds since the epoch.
        template: for the form JSONPATH.
    """

    form: Form = Form.TABLE
    utc: bool = False
    now: float = 0.0
    template: "JsonTemplate | None" = None

    @property
    def wide(self) -> bool:
        """Whether nothing is left out or shortened."""
        return self.form is Form.WIDE

    @property
    def for_people(self) -> bool:
        """Whether it is drawn, in place of the answer itself."""
        return self.form in (Form.TABLE, Form.WIDE)

    def ids(self, instance_ids: Iterable[str]) -> Mapping[str, str]:
        """How the ids of instances are shown: in their short forms unless nothing is shortened."""
        return {each: each for each in instance_ids} if self.wide else short_ids(instance_ids)

    def when(self, timestamp: str) -> str:
        """How long ago that was, or the timestamp."""
        return timestamp if self.utc or not timestamp else age(timestamp, self.now)

    def since(self, age: str = "AGE", timestamp: str = "SINCE") -> str:
        """The heading of a column of times."""
        return timestamp if self.utc else age


def look_of(form: Format, as_json: bool, utc: bool = False) -> Look:
    """From a command's options. Raises CommandError."""
    if as_json and form.form not in (Form.TABLE, Form.JSON):
        raise CommandError(f"--json and --output {form} cannot be combined", code=2)
    return Look(Form.JSON if as_json else form.form, utc, template=form.template)


@dataclass(frozen=True, slots=True)
class View:
    """What a command shows.

    Attributes:
        value: the API's answer.
        names: ids, for ``-o name``.
        draw: for people.
        hints: lines for stderr.
    """

    value: Any
    names: Sequence[str]
    draw: Draw
    hints: Sequence[str] = ()


def show(
    url: str,
    look: Look,
    fetch: Callable[[Any], View],
    *,
    watch: bool = False,
    connect: Callable[[str], Any] = client_of,
) -> None:
    """Fetch and print it; with ``watch`` again after each change, until interrupted.

    ``connect`` makes the client that ``fetch`` uses. Raises CommandError if the first try fails.
    """
    with connect(url) as client:
        view = fetch(client)
        if not watch:
            print_view(view, replace(look, now=client.now()))
            return
        from scheduler.cli.changes import Changes

        with Changes(url) as changes:
            _watch(view, lambda: fetch(client), changes.wait, lambda: replace(look, now=client.now()))


def show_local(look: Look, read: Callable[[], View], *, watch: bool = False) -> None:
    """The same of something on this machine, which is read again every second."""
    view = read()
    if watch:
        _watch(view, read, lambda _longest: time.sleep(_REFRESH), lambda: replace(look, now=time.time()))
    else:
        print_view(view, replace(look, now=time.time()))


def print_view(view: View, look: Look) -> None:
    """Print it once."""
    for hint in view.hints if look.for_people else ():
        screen.tell(hint)
    match look.form:
        case Form.TABLE | Form.WIDE:
            screen.show(*view.draw(look))
        case Form.NAME:
            for name in view.names:
                screen.say(name)
        case _:
            print_value(view.value, look)


def print_value(value: Any, look: Look) -> None:
    """Print an answer of the API; in JSON unless another form for it is asked for."""
    if look.template is not None:
        screen.print_text(look.template.filled(value))
    elif look.form is Form.YAML:
        screen.print_yaml(value)
    else:
        screen.print_json(value)


# ------------------------------------------------------------------------------ watching


def _watch(view: View, read: Callable[[], View], wait: Callable[[float], None], look: Callable[[], Look]) -> None:
    views = _views(view, read, wait)
    try:
        if screen.is_terminal() and look().for_people:
            screen.redraw([*view.draw(look()), *notes] for view, notes in views)
        else:
            _print_changes(views, look)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _views(view: View, read: Callable[[], View], wait: Callable[[float], None]) -> Iterator[tuple[View, Sequence[str]]]:
    """What is shown, again after changes, and lines about a scheduler that does not answer."""
    from scheduler.cli.client import ChangeRefusedError, ClientError

    notes: Sequence[str] = ()
    while True:
        yield view, notes
        wait(_REFRESH if screen.is_terminal() else _QUIET)
        try:
            view, notes = read(), ()
        except ClientError as error:
            if isinstance(error, ChangeRefusedError) and error.status < _FIRST_SERVER_ERROR:
                raise
            notes = (f"{error}; trying again",)
            time.sleep(_RETRY)


def _print_changes(views: Iterator[tuple[View, Sequence[str]]], look: Callable[[], Look]) -> None:
    """Print a block whenever it differs from the last one."""
    last, told = "", False
    for view, notes in views:
        for note in () if told else notes:
            screen.tell(note)
        told = bool(notes)
        content = json.dumps([view.value, list(view.names)])
        if content != last:
            if last and look().for_people:
                screen.data("")
            last = content
            print_view(view, look())
