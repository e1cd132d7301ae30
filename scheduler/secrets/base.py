"""What a source of secrets is, and how one that came with another package is kept from doing harm."""

from scheduler.loop.ports import SecretError, Secrets

LARGEST = 1024 * 1024  # bytes; more in one launch is a mistake


class Guarded:
    """A source of another package: whatever it raises, only the launch that asked fails.

    The text of an error that is not a SecretError is not passed on: it may hold what must not be seen.
    """

    def __init__(self, name: str, source: Secrets) -> None:
        self._name = name
        self._source = source

    def value(self, source: str) -> bytes:
        """As the source says. Raises SecretError."""
        try:
            value = self._source.value(source)
        except SecretError:
            raise
        except Exception as error:
            raise SecretError(f"the secret source {self._name!r} failed with {type(error).__name__}") from None
        if not isinstance(value, bytes):
            raise SecretError(f"the secret source {self._name!r} gave a {type(value).__name__}, not bytes")
        if len(value) > LARGEST:
            raise SecretError(f"it is larger than {LARGEST} bytes")
        return value
