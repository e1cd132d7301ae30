"""``podexec pod wait``: until a pod is as it should be, through lost connections and changes of the leader."""

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli import screen
from scheduler.cli.errors import CommandError
from scheduler.cli.options import DEFAULT_URL, Json, PodId, Timeout, Url
from scheduler.cli.output import client_of
from scheduler.model.json import Json as Object

if TYPE_CHECKING:
    from scheduler.cli.client import Client

_STEADY, _STEADY_AFTER_AN_END = 3.0, 10.0  # seconds for which a pod must be stable; the second if instances keep ending
_RETRY = 1.0
_FIRST_SERVER_ERROR = 500
_INSTANCES = re.compile(r"instances=([0-9]{1,6})")
_GONE = "gone"


@dataclass(frozen=True, slots=True)
class _Seen:
    """A pod as it was at a time.

    Attributes:
        status: None: there is no such pod.
        deployments: the ids of those that are changing it.
    """

    status: Object | None
    deployments: tuple[str, ...]

    @property
    def ended(self) -> str:
        """Changes when an instance ends, or a container is restarted."""
        from scheduler.cli import waiting

        if self.status is None:
            return ""
        last = [each["terminatedAt"] for each in self.status.get("terminationHistory", ())]
        return f"{max(last, default='')} {waiting.restarts(self.status)}"


@dataclass(frozen=True, slots=True)
class _Condition:
    """What to wait for.

    Attributes:
        text: completes ``/web is``.
        is_to_last: whether it must hold for some seconds, as an instance may end at once.
    """

    text: str
    holds: Callable[[_Seen], bool]
    is_for_gone: bool = False
    is_to_last: bool = False


def wait(
    pod_id: PodId,
    condition: Annotated[
        str,
        typer.Option(
            "--for",
            metavar="stable|gone|instances=N",
            help="stable: no deployment, all instances stable; gone: removed, and all instances have ended; "
            "instances=N: exactly N instances, all of them stable.",
        ),
    ] = "stable",
    timeout: Timeout = 300.0,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Wait until a pod is stable, gone, or has N instances. Exits with 1 on timeout or if that cannot happen."""
    wanted = _condition(condition)
    with client_of(url) as client:
        seen = _until(client, url, pod_id, wanted, timeout)
    if as_json:
        screen.print_json(seen.status or {"id": pod_id})
    else:
        screen.say(f"Pod {pod_id} is {wanted.text}.")


def _condition(text: str) -> _Condition:
    number = _INSTANCES.fullmatch(text)
    if number is not None:
        count = int(number[1])
        things = "instance" if count == 1 else "instances"
        return _Condition(f"at {count} {things}, stable", lambda seen: _stable(seen, count), is_to_last=count > 0)
    if text == "stable":
        return _Condition("stable", lambda seen: not seen.deployments and _stable(seen, None), is_to_last=True)
    if text == _GONE:
        return _Condition(_GONE, lambda seen: seen.status is None and not seen.deployments, is_for_gone=True)
    raise CommandError(f"--for must be stable, gone or instances=N, not {text!r}", code=2)


def _stable(seen: _Seen, count: int | None) -> bool:
    """Whether all instances are stable, and there are as many as wanted or, if given, exactly ``count``."""
    if seen.status is None:
        return False
    there = [each["status"] for each in seen.status.get("instances", ()) if each["status"] != "TERMINAL"]
    if count is None:
        return bool(seen.status["status"] == "STABLE")
    return there == ["STABLE"] * count


def _until(client: "Client", url: str, pod_id: str, wanted: _Condition, timeout: float) -> _Seen:
    """What was seen when the condition held. Raises CommandError."""
    from scheduler.cli.changes import Changes

    end, since = time.monotonic() + timeout, math.inf  # since when the condition holds
    first = _look(client, pod_id)
    if first.status is None and not wanted.is_for_gone:
        client.status(pod_id)  # raises the scheduler's own refusal
    seen: _Seen | None = first
    told, ended, steady = "", first.ended, _STEADY
    with Changes(url) as changes:
        while True:
            now, left = time.monotonic(), math.inf
            if seen is None:
                since = math.inf
            else:
                if seen.status is None and not wanted.is_for_gone:
                    raise CommandError(f"{pod_id} was removed while waiting for it to be {wanted.text}")
                if seen.ended != ended:
                    ended, since, steady = seen.ended, math.inf, _STEADY_AFTER_AN_END
                since = min(since, now) if wanted.holds(seen) else math.inf
                left = since + steady * wanted.is_to_last - now
                if left <= 0 or since <= now >= end:
                    return seen
                line = _line(pod_id, seen)
                if line != told:
                    screen.tell(line)
                    told = line
            if now >= end:
                raise CommandError(
                    f"timed out after {timeout:g} s waiting for {pod_id} to be {wanted.text}; last seen: {told}",
                    advice=f"To see why: podexec pod show {pod_id}",
                )
            changes.wait(min(left, end - now))
            seen = _look_again(client, pod_id, may_tell=seen is not None)


def _look(client: "Client", pod_id: str) -> _Seen:
    """The deployments are asked for first, so that what they change is in the status. When the pod is gone they are
    asked for once more: one that removes it may have begun in between.
    """
    from scheduler.cli import waiting

    before = _deployments(client, pod_id)
    status = waiting.status_of(client, pod_id)
    return _Seen(status, before if status is not None else _deployments(client, pod_id))


def _deployments(client: "Client", pod_id: str) -> tuple[str, ...]:
    name = "/" + pod_id.strip("/")
    return tuple(each["id"] for each in client.deployments() if name in each["affectedPods"])


def _look_again(client: "Client", pod_id: str, *, may_tell: bool) -> _Seen | None:
    """As ``_look``; None: no scheduler answers now, which is printed if ``may_tell``. Raises CommandError otherwise."""
    from scheduler.cli.client import ChangeRefusedError, ClientError

    try:
        return _look(client, pod_id)
    except ClientError as error:
        if isinstance(error, ChangeRefusedError) and error.status < _FIRST_SERVER_ERROR:
            raise
        if may_tell:
            screen.tell(f"{error}; trying again")
    time.sleep(_RETRY)
    return None


def _line(pod_id: str, seen: _Seen) -> str:
    """What it looks like now, and what is in the way."""
    from scheduler.cli import waiting

    running = f"deployment {', '.join(seen.deployments)} is running" if seen.deployments else ""
    if seen.status is None:
        return "; ".join(filter(None, (f"{pod_id} does not exist", running)))
    return "; ".join(filter(None, (waiting.pod_line(seen.status, with_past=True), running)))
