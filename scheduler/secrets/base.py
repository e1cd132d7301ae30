"""A wrapper that protects the scheduler from faults of secret sources in other packages."""

from scheduler.loop.ports import SecretError, Secrets

LARGEST = 1024 * 1024  # bytes; more in one launch is a mistake


class Guarded:
    """Wraps a source of another package, so that its exceptions only make the launch fail that needs the secret.

    The message of an exception that is not a SecretError is not passed on: it may contain a value.
    """

    def __init__(self, name: str, source: Secrets) -> None:
        self._name = name
        self._source = source

    def value(self, source: str) -> bytes:
        """The secret's value. Raises SecretError."""
        try:
            value = self._source.value(source)
        except SecretError:
            raise
        except Exception as error:
            raise SecretError(f"the secret source {self._name!r} failed with {type(error).__name__}") from None
        if not isinstance(value, bytes):
            raise SecretError(f"the secret source {self._name!r} returned {type(value).__name__}, not bytes")
        if len(value) > LARGEST:
            raise SecretError(f"it is larger than {LARGEST} bytes")
        return value
