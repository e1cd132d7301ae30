"""The file with the operator's policy: read at the start, and again when it changes."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from scheduler.cli import definitions
from scheduler.cli.errors import CommandError
from scheduler.core.events import Event, PolicyChanged
from scheduler.model.policy.contents import Policy
from scheduler.model.policy.reading import PolicyError, read

_LOOK_EVERY = 1.0
_NO_SCOPES = (
    "the source 'environment' cannot tell /a/b from /a-b, so its secrets cannot be divided among pods: use another "
    "--secrets-source"
)
_log = structlog.get_logger("scheduler")


def load(file: Path) -> Policy:
    """The policy in a file, JSON or YAML. Raises CommandError."""
    located = definitions.read_located(str(file), "policy")
    if len(located) != 1:
        raise CommandError(f"{file} contains {len(located)} policies, but a scheduler has only one", code=2)
    (only,) = located
    for path in only.repeated:
        raise CommandError(f"{_place(file, only.line(path))}: {path}: this key is given more than once", code=2)
    try:
        return read(only.document)
    except PolicyError as error:
        raise CommandError(f"{_place(file, only.line(error.path))}: {error}", code=2) from error


class PolicyFile:
    """The file of a running scheduler."""

    def __init__(self, file: Path, secrets_source: str) -> None:
        """Read it. Raises CommandError."""
        self._file = file
        self._reads_variables = secrets_source.partition(":")[0] == "environment"
        self._seen = self._look()
        self.policy = self._load()

    def changed(self) -> bool:
        """Whether there is another policy now. Until a file that cannot be used is mended, the old one stays."""
        seen = self._look()
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            old, self.policy = self.policy, self._load()
        except CommandError as error:
            _log.error("policy cannot be read, keeping the previous one", error=str(error))
            return False
        return self.policy != old

    def _load(self) -> Policy:
        policy = load(self._file)
        if policy.secrets is not None and self._reads_variables:
            raise CommandError(f"{self._file}: /secrets: {_NO_SCOPES}", code=2)
        return policy

    def _look(self) -> tuple[int, int, int] | None:
        """What is different once the file was written or replaced. None: it is not there."""
        try:
            seen = self._file.stat()
        except OSError:
            return None
        return seen.st_mtime_ns, seen.st_ino, seen.st_size


async def watch(file: PolicyFile | None, submit: Callable[[Event], None]) -> None:
    """Submit an event for each change of the policy. Never ends."""
    while file is not None:
        await asyncio.sleep(_LOOK_EVERY)
        if await asyncio.to_thread(file.changed):
            submit(PolicyChanged(file.policy))


def _place(file: Path, line: int | None) -> str:
    return f"{file}:{line}" if line else str(file)
