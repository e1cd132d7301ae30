"""Reads the values of secrets from Vault."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from scheduler.loop.ports import SecretError
from scheduler.secrets.vault.http import Server, VaultError
from scheduler.secrets.vault.tokens import Tokens

_FIELD = "value"
_VERSIONED = "data"  # the part of a path that only engines of version 2 have


class VaultSource:
    """``/db#password`` is the field ``password`` of the secret ``db``; without ``#``, it is the field ``value``.

    No value is kept: each is read again for the next launch.
    """

    def __init__(self, server: Server, prefix: str, tokens: Tokens) -> None:
        """``prefix``: of the paths of secrets, such as ``/v1/secret/data`` in an engine of version 2."""
        self._server = server
        self._prefix = prefix
        self._tokens = tokens
        self._is_versioned = _VERSIONED in prefix.split("/")

    def value(self, source: str) -> bytes:
        """The current value. Raises SecretError."""
        secret, _, field = source.partition("#")
        names = secret.removeprefix("/").split("/")
        if not secret.isprintable() or not {"", ".", ".."}.isdisjoint(names):
            raise SecretError("it is not a path in Vault: a name in it is empty, '.' or '..', or not printable")
        path = "/".join((self._prefix, *(quote(name, safe="") for name in names)))
        return _bytes(self._fields(path), field or _FIELD, path)

    def _fields(self, path: str) -> Any:
        data = self._read(path).get("data")
        if self._is_versioned:
            data = data.get("data") if isinstance(data, dict) else None
        if not isinstance(data, dict):
            kind = "2" if self._is_versioned else "1"
            raise SecretError(
                f"{path} does not have the form of a secret in a key/value engine of version {kind}: the URL of "
                "version 2 has the part data, as in /v1/secret/data"
            )
        return data

    def _read(self, path: str) -> Any:
        try:
            return self._server.ask("GET", path, self._tokens.token())
        except VaultError as error:
            if error.status == HTTPStatus.FORBIDDEN and self._tokens.refused():
                return self._server.ask("GET", path, self._tokens.token())
            if error.status == HTTPStatus.NOT_FOUND and isinstance(error.answer.get("data"), dict):
                raise SecretError(f"the current version of {path} in Vault was deleted") from None
            raise


def _bytes(fields: Any, name: str, path: str) -> bytes:
    if name not in fields:
        raise SecretError(f"the secret {path} in Vault has no field {name!r}: name one after #, as in {path}#password")
    value = fields[name]
    if not isinstance(value, str):
        raise SecretError(f"the field {name!r} of {path} in Vault is not a string")
    return value.encode()
