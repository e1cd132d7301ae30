"""How a command in a debug session ended: exit codes from raw wait statuses, and starts that were cut short."""

import signal

_COULD_NOT_START = 127  # as in shells


def _cut_short(number: int) -> dict[int, int]:
    """The wait statuses after a signal before the command's start, with the signal.

    Mesos' launcher and its child, which is not the command yet, each append to one file what they die of: a signal's
    number, or the wait status of an exit with 1.
    """
    return {int(text): number for text in (f"{number}", f"{number}{number}", f"{number}256")}


RESIZED_TOO_EARLY = frozenset(_cut_short(signal.SIGWINCH))
# Keys typed before the command's start. They kill the launcher, though they would perhaps not kill the command.
_KEY_TOO_EARLY = _cut_short(signal.SIGINT) | _cut_short(signal.SIGQUIT) | _cut_short(signal.SIGTSTP)


def exit_code(status: int, *, has_terminal: bool) -> int:
    """The exit code, as shells report it. Mesos' launcher exits with 1000 and more if there is no such program."""
    if has_terminal and status in _KEY_TOO_EARLY:
        return 128 + _KEY_TOO_EARLY[status]
    number = status & 0x7F
    if number:
        return 128 + number
    code = status >> 8
    return code if code <= 0xFF else _COULD_NOT_START


def is_killed(status: int) -> bool:
    """Whether the command was killed with SIGKILL."""
    return status & 0x7F == signal.SIGKILL
