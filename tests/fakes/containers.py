"""The nested containers of the fake agent: records that end when a test, or a signal, says so."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

DEADLINE = 15.0
ROOT = {"value": "11111111-2222-3333-4444-555555555555"}
PREFIX = "/slave(1)"
SIGTERM, SIGKILL = 15, 9


@dataclass
class FakeContainer:
    """One nested container. ``status`` is the raw wait status once it has ended."""

    id: str
    call: Json
    status: int | None = None
    extra: Json = field(default_factory=dict)
    launching: bool = False
    launch_error: str | None = None
    signals: list[int] = field(default_factory=list)
    removed: bool = False

    @property
    def name(self) -> str:
        return name_of(self.id)


def name_of(container_id: str) -> str:
    """The name in the id of a container's first or later run."""
    return re.sub(r"-[0-9a-f]{8}(-[0-9]+)?$", "", container_id)
