"""Masks private values in a recording: plain values of environment variables, and passwords in URLs.

Definitions hold references to secrets, never their values; but people also write passwords into plain variables and
URLs. Each such value becomes a mask of its length, equal values the same mask and different ones different masks. The
core depends on nothing else about them, so that a replay makes the same decisions. The masks number the values of one
run; nothing of a value but its length can be computed from its mask.
"""

import re

import orjson

from scheduler.model.definition import Container, Environment, PodDefinition

_SIGN = b"*"
_SHORTEST = 4  # bytes in JSON; a shorter value is no secret, and leaves no room for a mask
_DIGITS = b"0123456789abcdefghijklmnopqrstuvwxyz"
_IN_URL = re.compile(rb'(?<=://)[^/\s"\\]+(?=@)')  # USER:PASSWORD@, in JSON


class Masks:
    """The masks of one run."""

    def __init__(self) -> None:
        self._masks: dict[bytes, bytes] = {}
        self._given: dict[int, int] = {}  # by length, how many

    def definition(self, definition: PodDefinition) -> PodDefinition:
        """The definition without the plain values of its variables."""
        environment = self._environment(definition.environment)
        containers = tuple(map(self._container, definition.containers))
        if environment is definition.environment and containers == definition.containers:
            return definition
        return definition.model_copy(update={"environment": environment, "containers": containers})

    def urls(self, data: bytes) -> bytes:
        """JSON without the users and passwords in the URLs in it."""
        if b"://" not in data or b"@" not in data:
            return data
        return _IN_URL.sub(lambda found: self._mask(found[0]), data)

    def _container(self, container: Container) -> Container:
        environment = self._environment(container.environment)
        if environment is container.environment:
            return container
        return container.model_copy(update={"environment": environment})

    def _environment(self, environment: Environment) -> Environment:
        if not any(isinstance(value, str) for value in environment.values()):
            return environment
        return {name: self._value(value) if isinstance(value, str) else value for name, value in environment.items()}

    def _value(self, value: str) -> str:
        """A mask as long in JSON as the value: the core adds up the sizes of a container's command and environment."""
        in_json = orjson.dumps(value)[1:-1]
        return value if len(in_json) < _SHORTEST else self._mask(in_json).decode()

    def _mask(self, value: bytes) -> bytes:
        length = len(value)
        if value not in self._masks:
            count = self._given[length] = self._given.get(length, 0) + 1
            number = _number(count)
            self._masks[value] = (_SIGN + number).ljust(length, _SIGN) if len(number) < length else _SIGN * length
        return self._masks[value]


def _number(count: int) -> bytes:
    digits = bytearray()
    while count:
        count, digit = divmod(count, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return bytes(reversed(digits))
