"""Completion of ids in shells, which asks the scheduler. Silent if that fails or takes long: nothing is completed then.

What a scheduler answers gets into command lines: only words that mean themselves in every shell are offered.
"""

import re
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from scheduler.cli.client import Client

_PATIENCE = 1.5  # seconds
_MOST = 1000
_SAFE = re.compile(r"[A-Za-z0-9/][A-Za-z0-9_./:@%+=,-]*")


def pod_ids(context: typer.Context, incomplete: str) -> list[str]:
    """The ids of pods, with a leading slash if the word begins with one."""

    def ids(client: "Client") -> Iterable[str]:
        found = (str(each["id"]) for each in client.definitions())
        return found if incomplete.startswith("/") else (each.removeprefix("/") for each in found)

    return _asked(context, incomplete, ids)


def instance_ids(context: typer.Context, incomplete: str) -> list[str]:
    """The short ids of the instances of the pod that is named before, or whole ones if the word begins so."""

    def ids(client: "Client") -> Iterable[str]:
        from scheduler.cli.short_ids import short_ids

        status = client.status(_pod_id(context))
        known = [str(each["id"]) for each in status.get("instances", ())]
        whole = [each for each in known if incomplete and each.startswith(incomplete)]
        return whole or short_ids(known).values()

    return _asked(context, incomplete, ids)


def versions(context: typer.Context, incomplete: str) -> list[str]:
    """The stored versions of the pod that is named before, newest first."""
    return _asked(context, incomplete, lambda client: reversed(client.versions(_pod_id(context))))


def deployment_ids(context: typer.Context, incomplete: str) -> list[str]:
    """The ids of the running deployments."""
    return _asked(context, incomplete, lambda client: (str(each["id"]) for each in client.deployments()))


def agent_names(context: typer.Context, incomplete: str) -> list[str]:
    """The host names of agents, or their ids if the word begins so."""

    def names(client: "Client") -> Iterable[str]:
        agents = client.agents()["agents"]
        hosts = [str(each["hostname"]) for each in agents]
        is_host = any(each.startswith(incomplete) for each in hosts)
        return hosts if is_host else [str(each["id"]) for each in agents]

    return _asked(context, incomplete, names)


def _pod_id(context: typer.Context) -> str:
    """The pod that is named before; while the value of an option is completed, words are not assigned yet."""
    return str(context.params.get("pod_id") or next((each for each in context.args if each[:1] != "-"), ""))


def _asked(context: typer.Context, incomplete: str, ask: "Callable[[Client], Iterable[str]]") -> list[str]:
    found: list[str] = []

    def look() -> None:
        from scheduler.cli.client import Client
        from scheduler.cli.options import url_in_use

        try:
            with Client(url_in_use(context)) as client:
                found.extend(ask(client))
        except Exception:  # whatever a server answers, the user is typing
            found.clear()

    asking = threading.Thread(target=look, name="completion", daemon=True)
    asking.start()
    asking.join(_PATIENCE)
    if asking.is_alive():
        return []
    return [each for each in found if each.startswith(incomplete) and _SAFE.fullmatch(each)][:_MOST]
