"""A source of secrets in the scheduler's own environment variables."""

import os
import re
from collections.abc import Mapping

from scheduler.loop.ports import SecretError

PREFIX = "PODEXEC_SECRET_"


class EnvironmentSource:
    """``/db/password`` is the variable ``PREFIX`` + ``DB_PASSWORD``."""

    def __init__(self, prefix: str, environment: Mapping[bytes, bytes] = os.environb) -> None:
        """Raises SecretError for an invalid prefix."""
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", prefix):
            raise SecretError(
                f"{prefix!r} cannot begin a variable's name: use letters, digits and underscores, but no digit first"
            )
        self._prefix = prefix
        self._environment = environment

    def value(self, source: str) -> bytes:
        """The variable's value. Raises SecretError."""
        name = self.variable(source)
        value = self._environment.get(name.encode())
        if value is None:
            raise SecretError(f"the scheduler's environment has no variable {name}")
        return value

    def variable(self, source: str) -> str:
        """The name of a secret's variable: in capitals, other characters than letters and digits as one underscore."""
        name = re.sub(r"[^A-Z0-9]+", "_", source.upper()).strip("_")
        if not name:
            raise SecretError("it has no letter or digit that could name a variable")
        return self._prefix + name
