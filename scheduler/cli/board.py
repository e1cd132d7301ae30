"""``podexec board``: pods, deployments and the queue on a full screen, by the keyboard."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scheduler.cli import deployment, keys, pod, queue, screen, story, why
from scheduler.cli.errors import CommandError
from scheduler.cli.look import Look, View
from scheduler.cli.options import DEFAULT_URL, Url

if TYPE_CHECKING:
    from scheduler.cli.inside.client import InsideClient

_REFRESH = 1.0  # seconds
_PAGE = 10  # lines
_FRAME = 5  # lines of the screen that are not rows
_HELP = {
    True: "j/k move   enter show   w why   t timeline   / filter   p pods   d deployments   u queue   q quit",
    False: "j/k scroll   escape back   w why   t timeline   enter show   q quit",
}


@dataclass(frozen=True, slots=True)
class _List:
    """A page that lists things; ``of_pods``: their names are ids of pods."""

    title: str
    fetch: "Callable[[InsideClient], View]"
    of_pods: bool = True


_LISTS = {
    "p": _List("Pods", pod.pods_view),
    "d": _List("Deployments", deployment.deployments_view, of_pods=False),
    "u": _List("Queue", queue.queue_view),
}
_DETAILS: "dict[str, Callable[[InsideClient, str], View]]" = {
    "enter": pod.pod_view,
    "w": why.why_view,
    "t": story.timeline_view,
}
_MOVES = {"j": 1, "down": 1, "k": -1, "up": -1, "page down": _PAGE, "page up": -_PAGE}


@dataclass(frozen=True, slots=True)
class Board:
    """What is on the screen.

    Attributes:
        page: the key of the list.
        at: the place of the selected row.
        subject: the pod whose details are shown; empty: the list is.
        detail: the key of the details.
        scrolled: by how many lines the details are.
        filter: rows without this text are left out.
        typing: whether the filter is being typed.
    """

    page: str = "p"
    at: int = 0
    subject: str = ""
    detail: str = "enter"
    scrolled: int = 0
    filter: str = ""
    typing: bool = False
    ended: bool = False

    def pressed(self, key: str, names: Sequence[str]) -> "Board":
        """The board after a key; ``names``: those that are listed now, in the order of the rows."""
        if self.typing:
            return self._typed(key)
        if key == "q":
            return replace(self, ended=True)
        if key in ("escape", "backspace"):
            return replace(self, subject="", scrolled=0) if self.subject else replace(self, filter="", at=0)
        if key in _MOVES and self.subject:
            return replace(self, scrolled=max(0, self.scrolled + _MOVES[key]))
        if key in _MOVES:
            return replace(self, at=max(0, min(self.at + _MOVES[key], len(names) - 1)))
        if key in _DETAILS:
            chosen = self.subject or (names[min(self.at, len(names) - 1)] if names else "")
            return replace(self, subject=chosen, detail=key, scrolled=0) if _LISTS[self.page].of_pods else self
        if key in _LISTS:
            return Board(page=key)
        return replace(self, typing=True, subject="") if key == "/" else self

    def _typed(self, key: str) -> "Board":
        if key in ("enter", "escape"):
            return replace(self, typing=False, filter=self.filter if key == "enter" else "", at=0)
        if key == "backspace":
            return replace(self, filter=self.filter[:-1], at=0)
        return replace(self, filter=self.filter + key, at=0) if len(key) == 1 else self

    def fetch(self, client: "InsideClient") -> View:
        """What is shown. Raises CommandError."""
        if self.subject:
            return _DETAILS[self.detail](client, self.subject)
        return _LISTS[self.page].fetch(client)

    def names(self, view: View) -> list[str]:
        """The ids of the rows that are left by the filter."""
        return [each for each in view.names if self.filter in each]

    def drawn(self, view: View | None, look: Look, height: int, note: str = "") -> list[screen.Part]:
        """The screen; ``view``: None: it is not known, and ``note`` says why."""
        lines = max(1, height - _FRAME)
        title = self.subject or _LISTS[self.page].title
        marked = f"   filter: {self.filter}{'_' if self.typing else ''}" if self.filter or self.typing else ""
        shown: list[screen.Part] = [f"{title}{marked}"]
        if view is not None and self.subject:
            shown += _from(list(view.draw(look)), self.scrolled)
        elif view is not None:
            shown += [self._selected(each, view, lines) for each in view.draw(look)]
        help_line = _HELP[not self.subject]
        return [*shown, *([note] if note else []), help_line]

    def _selected(self, part: screen.Part, view: View, lines: int) -> screen.Part:
        """The rows around the selected one, which is marked."""
        if not isinstance(part, screen.Grid):
            return part
        left = set(self.names(view))
        rows = [row for row in part.rows if str(row[0]) in left]
        at = min(self.at, len(rows) - 1)
        first = max(0, min(at - lines // 2, len(rows) - lines))
        marked = [
            (screen.Word(str(row[0]), "reverse"), *row[1:]) if place == at else row for place, row in enumerate(rows)
        ]
        return replace(part, rows=marked[first : first + lines])


def board(url: Url = DEFAULT_URL) -> None:
    """Follow pods, deployments and the queue on a full screen; q quits. Nothing is changed."""
    from scheduler.cli.inside.client import InsideClient

    if not sys.stdin.isatty() or not screen.is_terminal():
        raise CommandError("the board needs a terminal", advice="In a pipe: podexec pod list --watch", code=2)
    with InsideClient(url) as client:
        view = Board().fetch(client)
        try:
            with keys.reading() as pressed:
                screen.redraw(_pictures(client, view, pressed), full=True)
        except (KeyboardInterrupt, EOFError):
            return


def _pictures(client: "InsideClient", first: View, pressed: keys.Keys) -> Iterator[Sequence[screen.Part]]:
    """The screen after each key, and every second."""
    shown, view, note = Board(), first, ""
    known: View | None = view
    while not shown.ended:
        look = Look(now=client.now())
        yield shown.drawn(known, look, screen.height(), note)
        before = shown
        typed = pressed(_REFRESH)
        for key in typed:
            shown = shown.pressed(key, [] if known is None else shown.names(known))
        is_other = (before.page, before.subject, before.detail) != (shown.page, shown.subject, shown.detail)
        if typed and not is_other:
            continue
        try:
            known, note = shown.fetch(client), ""
        except CommandError as error:
            known, note = (None if is_other else known), str(error)


def _from(parts: list[screen.Part], skipped: int) -> list[screen.Part]:
    """Without the first lines and rows; the last one stays."""
    left: list[screen.Part] = []
    for part in parts:
        size = len(part.rows) if isinstance(part, screen.Grid) else 1
        if skipped >= size and part is not parts[-1]:
            skipped -= size
        elif isinstance(part, screen.Grid):
            left.append(replace(part, rows=part.rows[min(skipped, max(0, size - 1)) :]))
            skipped = 0
        else:
            left.append(part)
    return left
