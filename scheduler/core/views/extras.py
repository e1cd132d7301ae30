"""Extras: podexec's additions to Marathon's objects, in one member that is shown only to clients that ask for it.

Clients of Marathon know only its members, and many fail on others. Therefore every new fact about an object with a
schema of Marathon's goes here, never next to Marathon's members.
"""

from typing import Any

from scheduler.model.json import Json

NOT_TAKEN = "X-Podexec-Not-Taken"  # header of answers to requests of which it is certain that nothing was done
KEY = "podexec"  # of the member, and of the query ``embed`` that asks for it


def extras(*, asked: bool, **members: Any) -> Json:
    """The one member, to be merged into an object, without members that are None; empty if nothing is left."""
    shown = {name: value for name, value in members.items() if value is not None} if asked else {}
    return {KEY: shown} if shown else {}
