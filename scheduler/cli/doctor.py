"""``podexec doctor``: whether everything that podexec needs is there, and the way out if it is not."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from scheduler.cli import screen
from scheduler.cli.errors import CommandError
from scheduler.cli.look import TABLE, Look, Output, View, look_of, print_view
from scheduler.cli.options import DEFAULT_URL, Json, Url
from scheduler.cli.output import client_of
from scheduler.core.views.extras import KEY
from scheduler.model.json import Json as Object

if TYPE_CHECKING:
    from scheduler.cli.client import Client

_OK, _WARNING, _FAILED = "ok", "warning", "failed"
_COLOURS = {_OK: "green", _WARNING: "yellow", _FAILED: "red"}
_MOST_SKEW = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class _Check:
    """The result of one check; ``advice``: what to do, if anything."""

    check: str
    result: str
    message: str
    advice: str = ""


def doctor(form: Output = TABLE, url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """Check the scheduler and what it needs: Mesos, roles, quota, agents, executor, clocks and the store's disk.

    The exit code is 1 if a check fails; warnings do not count.
    """
    look = look_of(form, as_json)
    with client_of(url) as client:
        found = list(_checks(client))
    value = [
        {"check": each.check, "result": each.result, "message": each.message, "advice": each.advice} for each in found
    ]
    bad = [each.check for each in found if each.result == _FAILED]
    print_view(View(value, bad, lambda _look: _lines(found)), Look(look.form))
    if bad:
        raise typer.Exit(1)


def _lines(found: list[_Check]) -> Iterator[screen.Part]:
    for each in found:
        yield screen.Word(f"{each.result:<8}", _COLOURS.get(each.result, "")), f" {each.check:<10} {each.message}"
        if each.advice:
            yield f"{'':<20}{each.advice}"


def _checks(client: "Client") -> Iterator[_Check]:
    try:
        info = client.info()
    except CommandError as error:
        yield _Check("scheduler", _FAILED, str(error), error.advice or "")
        return
    yield _Check("scheduler", _OK, f"podexec {info.get('version')} answers at {client.url}")
    yield _of_clock(client)
    try:
        found = client.doctor()
    except CommandError as error:
        yield _Check("report", _FAILED, f"the scheduler's own checks are not available: {error}", error.advice or "")
    else:
        for each in found:
            yield _Check(*(str(each.get(key, "")) for key in ("check", "result", "message", "advice")))
    yield from _of_executor(client, info)


def _of_clock(client: "Client") -> _Check:
    skew = client.skew
    if abs(skew) <= _MOST_SKEW:
        return _Check("clocks", _OK, "this machine's and the scheduler's agree")
    direction = "ahead of" if skew > 0 else "behind"
    message = f"the scheduler's clock is {abs(skew):.0f} s {direction} this machine's"
    return _Check("clocks", _WARNING, message, "Synchronise both, and those of masters and agents, e.g. with chrony.")


def _of_executor(client: "Client", info: Object) -> Iterator[_Check]:
    """Whether the executor's file can be fetched, from this machine."""
    config = {**info.get("marathon_config", {}), **info.get(KEY, {}).get("config", {})}
    executor, sha256 = str(config.get("executor") or ""), config.get("executor_sha256")
    uri = executor.partition("#")[0]
    if executor == "auto" and sha256:
        uri = f"{str(config.get('executor_base_url') or client.url).rstrip('/')}/executor/{sha256}"
    if uri.startswith(("http://", "https://")):
        problem = client.cannot_fetch(uri)
        yield _Check(
            "fetching",
            _OK if problem is None else _WARNING,
            f"{uri} can be fetched from here" if problem is None else f"{uri} cannot be fetched from here: {problem}",
            "" if problem is None else "Agents fetch it from there: check that they can (--executor-base-url).",
        )
