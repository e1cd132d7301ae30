"""What podexec tells of an object beyond Marathon's schema of it: one member, shown only to a client that asks for it.

Clients that others wrote know Marathon's members alone, and many fail on any other. A new fact about an object that has
a schema of Marathon's therefore goes through here, and never beside Marathon's members.
"""

from typing import Any

from scheduler.model.json import Json

KEY = "podexec"  # of the member, and of the query ``embed`` that asks for it


def extras(*, asked: bool, **members: Any) -> Json:
    """The one member, to be merged into an object; without what is None, and nothing where there is nothing to tell."""
    told = {name: value for name, value in members.items() if value is not None} if asked else {}
    return {KEY: told} if told else {}
