"""DC/OS' login service, as far as service accounts use it. It verifies the signature of each login."""

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.fakes.heard import Heard
from tests.fakes.server import Handler, Server


class Iam:
    """The service, with one account.

    Attributes:
        logins: the claims of each accepted login.
        refusals: answers (status, body) that are given, one after the other, in place of tokens.
        life: seconds that the next tokens are valid; None: they do not say.
    """

    def __init__(self, uid: str) -> None:
        self.uid = uid
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.logins: Heard[dict[str, Any]] = Heard()
        self.refusals: list[tuple[int, str]] = []
        self.life: float | None = 432_000.0
        self.url = ""
        self._issued: list[str] = []
        self._lock = threading.Lock()

    def write_account(self, file: Path, **changes: str) -> Path:
        """Write the account's file as DC/OS' secret store has it."""
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        account = {
            "uid": self.uid,
            "private_key": pem.decode(),
            "login_endpoint": self.url,
            "scheme": "RS256",
            "public_key": "not needed",
        }
        file.write_text(json.dumps(account | changes))
        return file

    def login(self, body: dict[str, Any]) -> tuple[int, Any]:
        """The answer to a login."""
        with self._lock:
            if self.refusals:
                return self.refusals.pop(0)
            try:
                claims = jwt.decode(
                    body["token"], self.key.public_key(), algorithms=["RS256"], options={"require": ["exp"]}
                )
            except jwt.InvalidTokenError as error:
                return 401, str(error)
            if not claims["uid"] == body["uid"] == self.uid:
                return 401, "unknown uid"
            self._issued.append(self._new_token())
            self.logins.add(claims)
            return 200, {"token": self._issued[-1]}

    def token(self, number: int) -> str:
        """The token that the accepted login of this number got, from 1."""
        with self._lock:
            return self._issued[number - 1]

    def _new_token(self) -> str:
        claims: dict[str, Any] = {"uid": self.uid, "number": len(self._issued)}
        if self.life is not None:
            claims["exp"] = int(time.time() + self.life)
        return jwt.encode(claims, "of the service alone, and long enough", algorithm="HS256")


@contextmanager
def iam(uid: str = "podexec", tls: ssl.SSLContext | None = None) -> Iterator[Iam]:
    """A running service."""
    service = Iam(uid)

    class _Login(Handler):
        def do_POST(self) -> None:
            status, answer = service.login(self.body()) if self.path == "/acs/api/v1/auth/login" else (404, "")
            self.answer(status, answer)

    server = Server(_Login, tls=tls)
    scheme = "http" if tls is None else "https"
    service.url = f"{scheme}://127.0.0.1:{server.server_address[1]}/acs/api/v1/auth/login"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
