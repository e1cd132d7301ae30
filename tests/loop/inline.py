"""A thread that is none: what it is given is done at once. Virtual time cannot wait for real threads."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Inline(Executor):
    """Runs everything on the thread that submits it."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """The result, which is there already."""
        result: Future[T] = Future()
        try:
            result.set_result(fn(*args, **kwargs))
        except Exception as error:
            result.set_exception(error)
        return result
