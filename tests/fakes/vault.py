"""HashiCorp Vault, as far as its HTTP API documents reading secrets, tokens, and logins with AppRoles."""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.fakes.heard import Heard
from tests.fakes.server import Handler, Server

Json = dict[str, Any]
ROOT = "hvs.root-token"
ROLE_ID, SECRET_ID = "db02de05-fa39-4855-059b-67221c5c2f63", "6a174c20-f6de-a53c-74d2-6018fcceff64"


class Vault:
    """A server with an engine of version 2 at ``secret/`` and one of version 1 at ``kv/``.

    Attributes:
        secrets: by namespace and path, such as ``secret/db``; None: the current version was deleted.
        tokens: the valid ones, with the paths that they may read; None: all.
        life: seconds that the next tokens are valid; 0: for ever. Renewals last as long.
        renewable: whether they can be renewed.
        sealed: whether it answers nothing else than that.
        answers: (status, body) that are given, one after the other, in place of its own.
        requests: (method, path, headers) of each request.
    """

    def __init__(self) -> None:
        self.secrets: dict[tuple[str, str], Json | None] = {}
        self.tokens: dict[str, tuple[str, ...] | None] = {ROOT: None}
        self.life = 0
        self.renewable = True
        self.sealed = False
        self.answers: list[tuple[int, Any]] = []
        self.requests: Heard[tuple[str, str, Json]] = Heard()
        self.url = ""
        self._ends: dict[str, float] = {}
        self._lock = threading.Lock()

    def reply(self, method: str, path: str, headers: Json, body: Json) -> tuple[int, Any]:
        """Status and body of the answer to a request."""
        self.requests.add((method, path, headers))
        with self._lock:
            if self.answers:
                return self.answers.pop(0)
            if self.sealed:
                return 503, {"errors": ["Vault is sealed"]}
            if (method, path) == ("POST", "auth/approle/login"):
                return self._login(body)
            token = headers.get("X-Vault-Token", "")
            if token not in self.tokens or time.monotonic() >= self._ends.get(token, float("inf")):
                return 403, {"errors": ["permission denied"]}
            if path == "auth/token/lookup-self":
                left = int(self._ends[token] - time.monotonic()) + 1 if token in self._ends else 0
                more = {"id": token, "accessor": "a", "policies": ["default"], "type": "service"}
                return 200, _whole(data={**more, "ttl": left, "renewable": bool(left) and self.renewable})
            if (method, path) == ("POST", "auth/token/renew-self"):
                if not self.renewable:
                    return 400, {"errors": ["lease is not renewable"]}
                self._ends[token] = time.monotonic() + self.life
                return 200, _whole(auth=self._auth(token))
            return self._read(headers.get("X-Vault-Namespace", ""), path, self.tokens[token])

    def expire(self, token: str) -> None:
        """The token ends now."""
        with self._lock:
            self._ends[token] = 0.0

    def lasts(self, token: str, seconds: float) -> None:
        """The token is valid this long."""
        with self._lock:
            self.life = int(seconds)
            self._ends[token] = time.monotonic() + seconds

    def _login(self, body: Json) -> tuple[int, Any]:
        if (body.get("role_id"), body.get("secret_id")) != (ROLE_ID, SECRET_ID):
            return 400, {"errors": ["invalid role or secret ID"]}
        token = f"hvs.login-{len(self.tokens)}"
        self.tokens[token] = None
        if self.life:
            self._ends[token] = time.monotonic() + self.life
        return 200, _whole(auth=self._auth(token))

    def _auth(self, token: str) -> Json:
        more = {"accessor": "a", "policies": ["default"], "token_policies": ["default"], "metadata": None}
        return {**more, "client_token": token, "lease_duration": self.life, "renewable": self.renewable}

    def _read(self, namespace: str, path: str, allowed: tuple[str, ...] | None) -> tuple[int, Any]:
        if allowed is not None and path not in allowed:
            return 403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}
        mount, _, rest = path.partition("/")
        if mount == "kv":
            found = self.secrets.get((namespace, path))
            return (404, {"errors": []}) if found is None else (200, _whole(data=found, lease_duration=2764800))
        if mount != "secret":
            return 404, {"errors": [f'no handler for route "{path}". route entry not found.']}
        if not rest.startswith("data/"):
            return 404, _whole(warnings=["Invalid path for a versioned K/V secrets engine."])
        key = (namespace, f"secret/{rest.removeprefix('data/')}")
        if key not in self.secrets:
            return 404, {"errors": []}
        found = self.secrets[key]
        gone = "" if found is not None else "2026-03-22T02:36:43.986212308Z"
        metadata = {"created_time": "2026-03-22T02:24:06.945319214Z", "deletion_time": gone, "destroyed": False}
        return 200 if found is not None else 404, _whole(data={"data": found, "metadata": {**metadata, "version": 2}})


def _whole(**parts: Any) -> Json:
    """An answer with all members that Vault's have."""
    rest = {"request_id": "c2a4", "lease_id": "", "renewable": False, "lease_duration": 0}
    return {**rest, "data": None, "wrap_info": None, "warnings": None, "auth": None, **parts}


@contextmanager
def vault(tls: ssl.SSLContext | None = None) -> Iterator[Vault]:
    """A server on a loopback port."""
    fake = Vault()

    class Requests(Handler):
        def do_GET(self) -> None:
            self._reply({})

        def do_POST(self) -> None:
            self._reply(self.body())

        def _reply(self, body: Json) -> None:
            status, answer = fake.reply(self.command, self.path.removeprefix("/v1/"), dict(self.headers), body)
            more = {"Location": "https://elsewhere.example/"} if 300 <= status < 400 else {}
            self.answer(status, answer, **more)

    server = Server(Requests, tls=tls)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    fake.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
