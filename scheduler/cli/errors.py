"""Errors that end a command: what happened, why if known, and what to do next."""

import traceback
from typing import Any

import typer

# Typer does not export it, and the library it is from depends on Typer's version.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]


class CommandError(Exception):
    """Ends the command with a message on standard error.

    Attributes:
        details: further lines, e.g. one for each problem.
        advice: what to do next.
        code: the exit code: 1 for refused or failed, 2 for wrong usage.
    """

    def __init__(
        self, message: str, *, details: tuple[str, ...] = (), advice: str | None = None, code: int = 1
    ) -> None:
        super().__init__(message)
        self.details = details
        self.advice = advice
        self.code = code

    def lines(self) -> list[str]:
        """The lines to print."""
        lines = [f"podexec: {self}", *(f"  {detail}" for detail in self.details)]
        return [*lines, f"  {self.advice}"] if self.advice else lines


def unexpected(error: Exception) -> list[str]:
    """The lines to print for an error that no part of the command knows."""
    return [
        "podexec: unexpected failure: check that --url is that of a podexec scheduler; if it is, please report this:",
        *"".join(traceback.format_exception(error)).rstrip().split("\n"),
    ]


def wrong_usage(error: Any) -> list[str]:
    """The lines to print for a ``UsageError``: what is wrong, and the command's usage. No line is wrapped."""
    if type(error).__name__ == "NoArgsIsHelpError":
        return []  # the help has been printed already
    context = error.ctx
    lines = [f"podexec: {error.format_message()}"]
    if context is not None:
        usage = " ".join((context.command_path, *context.command.collect_usage_pieces(context)))
        lines += [f"  Usage: {usage}", f"  Try: {context.command_path} --help"]
    return lines
