"""A cheap HTTP client for loopback: one persistent connection and a long time limit."""

import http.client
import json
import select
from http import HTTPStatus
from typing import Any

_GIVE_UP_SECONDS = 3600.0
_JSON = {"Content-Type": "application/json"}


class Loopback:
    """A connection to a port of this machine; it is reopened when the other side has closed it."""

    def __init__(self, port: int, timeout: float = _GIVE_UP_SECONDS, token: str | None = None) -> None:
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def ask(self, method: str, path: str, body: Any = None) -> bytes:
        """Send a request and return the body of a successful answer. Raises OSError or HTTPException otherwise."""
        data = None if body is None else json.dumps(body).encode()
        if self._was_closed():
            self._connection.close()  # the request opens it again
        try:
            self._connection.request(method, path, data, self._headers | (_JSON if data else {}))
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise http.client.HTTPException(f"{method} {path}: HTTP {response.status} {answer[:500]!r}")
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _was_closed(self) -> bool:
        """Whether the other side has closed the connection: between requests it sends nothing else."""
        connection = self._connection.sock
        return connection is not None and bool(select.select([connection], [], [], 0)[0])
