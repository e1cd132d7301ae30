"""``podexec replay``: replays a recording of a scheduler, without Mesos and without a store."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from scheduler.cli import screen
from scheduler.cli.errors import CommandError

if TYPE_CHECKING:
    from scheduler.recording.player import Difference, Played, Started
    from scheduler.recording.reading import Ended
    from scheduler.recording.story import Chapter, Story

_KILLED = "the scheduler was killed here, or the rest of the recording is missing"
_SHOWN = 2000  # characters of a value that differs


def replay(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="The file written by --record; it may be gzipped. - is standard input."),
    ],
    instance: Annotated[
        str | None, typer.Option("--instance", help="Print the story of this instance only.", metavar="ID")
    ] = None,
    first: Annotated[int, typer.Option("--from", help="Print the steps from this number on.", metavar="N", min=1)] = 1,
    last: Annotated[
        int | None, typer.Option("--to", help="Stop after the step of this number.", metavar="N", min=1)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each step in full, as a line of JSON.")] = False,
) -> None:
    """Repeat a recording of the scheduler, and compare.

    Prints each step: what happened, what changed, and what was sent. The first difference from the recording ends the
    command with exit code 1.
    """
    from scheduler.recording.player import Played, Started, steps
    from scheduler.recording.reading import DamagedError, read
    from scheduler.recording.story import Story, is_instance_id

    if instance is not None and not is_instance_id(instance):
        raise typer.BadParameter(f"{instance!r} is not POD.instance-UUID", param_hint="--instance")
    printer = _Printer(first, None if instance is None else Story(instance), as_json)
    try:
        with _opened(file) as recording:
            for each in steps(read(recording)):
                if isinstance(each, Started):
                    printer.begin(each)
                elif isinstance(each, Played):
                    printer.step(each)
                    if each.difference is not None:
                        raise _differs(each, each.difference)
                    if each.number == last:
                        break
                else:
                    printer.end(each)
    except DamagedError as error:
        raise CommandError(f"cannot replay {file}: {error}", code=2) from error
    if not printer.runs:
        raise CommandError(f"cannot replay {file}: it is empty", code=2)
    if instance is not None and not printer.printed:
        raise CommandError(
            f"no step of {file} concerns an instance {instance!r}",
            advice="Without --instance all steps are printed, with the ids of instances.",
        )
    screen.tell(f"{printer.steps} steps, no difference")


class _Printer:
    """Prints the selected steps of a recording.

    Attributes:
        runs, steps: how many there were.
        printed: whether there was anything to print.
    """

    def __init__(self, first: int, story: "Story | None", as_json: bool) -> None:
        self._first = first
        self._story = story
        self._json = as_json
        self.runs = self.steps = 0
        self.printed = False

    def begin(self, run: "Started") -> None:
        """A run begins."""
        self.runs += 1
        begun, state = run.begun, None if self._story is None else self._story.begin(run.world)
        if self._json:
            self._data({"run": begun.line, "podexec": begun.podexec, "at": begun.at})
        else:
            screen.say(f"run of podexec {begun.podexec} from {_time(begun.at)}, line {begun.line}")
        if state is not None:
            self.printed = True
            if not self._json:
                screen.say(f"    {state}")
        _tell_of_another_version(begun.podexec)

    def step(self, played: "Played") -> None:
        """A step was replayed."""
        self.steps += 1
        chapter = None if self._story is None else self._story.chapter(played)
        concerns = self._story is None or chapter is not None
        self.printed = self.printed or concerns
        if played.difference is None and (not concerns or played.number < self._first):
            return
        if self._json:
            self._data(_as_json(played, chapter))
        else:
            _say(played, chapter)

    def end(self, ended: "Ended") -> None:
        """The recording of a run ends."""
        if self._json:
            self._data({"end": ended.why})
        else:
            screen.say(_KILLED if ended.why is None else f"recording ended: {ended.why}")

    def _data(self, value: Any) -> None:
        import orjson

        screen.data(orjson.dumps(value).decode())


def _opened(file: str) -> BinaryIO:
    if file == "-":
        return sys.stdin.buffer
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise CommandError(f"cannot read {file}: {error.strerror}", code=2) from error


def _tell_of_another_version(recorded: str) -> None:
    from importlib.metadata import version

    if recorded != version("podexec"):
        screen.tell(f"recorded by podexec {recorded}, replayed by {version('podexec')}: they may decide differently")


def _say(played: "Played", chapter: "Chapter | None") -> None:
    from scheduler.recording import briefs

    frame = played.frame
    counts = "" if frame is None else f"  ({_count(frame.changes, 'change')}, {_count(frame.effects, 'effect')})"
    at = _time(played.world.wall(played.step.now))
    screen.say(f"{played.number} {at} {briefs.of_event(played.step.event)}{counts}")
    if chapter is not None:
        if chapter.before != chapter.after:
            screen.say(f"    {chapter.before} -> {chapter.after}")
        lines = chapter.lines
    elif frame is not None:
        lines = (*map(briefs.of_change, frame.changes), *map(briefs.of_effect, frame.effects))
    else:
        lines = (f"the core failed: {played.error!r}", *_trace(played.error))
    for line in lines:
        screen.say(f"    {line}")


def _as_json(played: "Played", chapter: "Chapter | None") -> dict[str, Any]:
    from dataclasses import asdict

    from scheduler.recording.player import ENCODER

    shown = played if chapter is None else chapter
    return {
        "step": played.number,
        "line": played.step.line,
        **ENCODER.heard(played.step.event, played.step.now),
        "changes": [each.whole for each in shown.changes],
        "effects": [each.whole for each in shown.effects],
        **({} if played.error is None else {"failed": repr(played.error)}),
        **({} if chapter is None else {"before": chapter.before, "after": chapter.after}),
        **({} if played.difference is None else {"difference": asdict(played.difference)}),
    }


def _differs(played: "Played", difference: "Difference") -> CommandError:
    return CommandError(
        f"step {played.number} (line {played.step.line}) differs from the recording at {difference.where}",
        details=(f"recorded: {_value(difference.recorded)}", f"replayed: {_value(difference.replayed)}"),
    )


def _value(value: Any) -> str:
    import orjson

    from scheduler.observe.visible import clipped

    return "nothing" if value is None else clipped(orjson.dumps(value).decode(), _SHOWN)


def _trace(error: Exception | None) -> Iterator[str]:
    import traceback

    for line in traceback.format_tb(None if error is None else error.__traceback__):
        yield from line.rstrip().split("\n")


def _count(members: tuple[Any, ...], name: str) -> str:
    return f"{len(members)} {name}{'' if len(members) == 1 else 's'}"


def _time(seconds: float) -> str:
    from scheduler.model.times import timestamp

    try:
        return timestamp(seconds)
    except (OverflowError, ValueError, OSError):
        return str(seconds)
