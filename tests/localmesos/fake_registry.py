"""A registry on loopback that behaves as a test wants: with tokens, redirects, and damaged answers."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .image_files import DOCKER, OCI, Image, digest

BASIC = "Basic " + base64.b64encode(b"joe:s3cret [x]").decode()


@dataclass
class Answer:
    """One answer."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    announced: int | None = None  # a wrong Content-Length


@dataclass
class FakeRegistry:
    """What it answers by path, and what it was asked."""

    address: str  # HOST:PORT
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)  # path and Authorization
    accepts: list[str | None] = field(default_factory=list)
    guard: Callable[[str, str | None], Answer | None] = lambda _path, _authorization: None

    @property
    def url(self) -> str:
        """The registry's URL."""
        return f"http://{self.address}"

    def put(self, repository: str, tag: str, image: Image, *, docker: bool = False) -> None:
        """Push an image."""
        kind = f"{DOCKER}.distribution.manifest.v2+json" if docker else f"{OCI}.manifest.v1+json"
        manifest = image.manifest(docker=docker)
        for reference in (tag, digest(manifest)):
            self.answers[f"/v2/{repository}/manifests/{reference}"] = Answer(manifest, headers={"Content-Type": kind})
        for name, data in image.content(docker=docker).items():
            self.answers[f"/v2/{repository}/blobs/{name}"] = Answer(data)

    def put_document(self, repository: str, reference: str, document: bytes, kind: str) -> None:
        """Push an index, or something strange."""
        self.answers[f"/v2/{repository}/manifests/{reference}"] = Answer(document, headers={"Content-Type": kind})

    def require(self, wanted: str, challenge: str) -> None:
        """Answer only requests with this Authorization; others get the challenge."""
        refusal = Answer(b"{}", 401, {"WWW-Authenticate": challenge})
        self.guard = lambda _path, authorization: None if authorization == wanted else refusal

    def issue_tokens(self, token: str, wanted: str | None) -> None:
        """Be a token service."""
        issued = Answer(json.dumps({"token": token}).encode())
        self.guard = lambda _path, authorization: issued if authorization == wanted else Answer(b"{}", 401)


@contextmanager
def fake_registry(tls: ssl.SSLContext | None = None) -> Iterator[FakeRegistry]:
    """Run a registry."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            authorization = self.headers.get("Authorization")
            served.requests.append((self.path, authorization))
            served.accepts.append(self.headers.get("Accept"))
            answer = served.guard(self.path, authorization) or served.answers.get(self.path) or Answer(b"{}", 404)
            self.send_response(answer.status)
            length = len(answer.body) if answer.announced is None else answer.announced
            for name, value in {"Content-Length": str(length), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Log nothing: the requests are recorded."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that refuses the certificate is no error here."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    served = FakeRegistry(f"127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
