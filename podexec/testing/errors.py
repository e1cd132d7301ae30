"""The exceptions that tests see, and how errors of the parts become these."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from localmesos import ClusterError
from scheduler.cli.client import ChangeRefusedError
from scheduler.cli.errors import CommandError


class HarnessError(Exception):
    """Something that a test asked for failed; the message says what, and what was seen."""


class RefusedError(HarnessError):
    """The scheduler answered a request with an error.

    Attributes:
        status: the HTTP status, e.g. 422 for an invalid definition.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class TimedOutError(HarnessError):
    """What a test waited for did not happen in time."""


@contextmanager
def harness_errors() -> Iterator[None]:
    """Turn errors of the command line's client and of local Mesos into those above; advice for shells is left out."""
    try:
        yield
    except CommandError as error:
        message = "\n".join([str(error), *(f"  {detail}" for detail in error.details)])
        if isinstance(error, ChangeRefusedError):
            raise RefusedError(message, error.status) from error
        raise HarnessError(message) from error
    except ClusterError as error:
        raise HarnessError(str(error)) from error
