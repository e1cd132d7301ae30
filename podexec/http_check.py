"""One HTTP check of a container. It may meet any server, so it uses http.client; imported only if a container has one.

Owns what passes and which redirects are followed.
"""

from __future__ import annotations

import functools
import http.client
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit, urlunsplit

from podexec.checks import Result, host, why
from podexec.taskinfo import CheckSpec
from podexec.transport import Interruptible

if TYPE_CHECKING:
    import ssl

_PASSING: Final = range(200, 400)
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_MOST_REDIRECTS: Final = 20

Opened = Callable[[Interruptible], None]


def probe_http(spec: CheckSpec, opened: Opened) -> Result:
    """Send GET to the loopback address of the network namespace shared with the containers; 200 to 399 passes.

    Redirects are followed, wherever they lead. Certificates are not verified, as in Mesos' own checks.
    """
    url = f"{spec.scheme}://{f'[{host(spec)}]' if spec.ipv6 else host(spec)}:{spec.port}{spec.path}"
    deadline = None if spec.timeout is None else time.monotonic() + spec.timeout
    try:
        for _ in range(_MOST_REDIRECTS):
            code, location = _get(url, deadline, opened)
            if location is None:
                return Result(code in _PASSING, code, f"{url}: {code}")
            url = urljoin(url, location)
    except TimeoutError:
        return Result(False, None, f"{url}: no answer within {spec.timeout:g} s")
    except (OverflowError, ValueError, OSError, http.client.HTTPException) as error:
        return Result(False, None, f"{url}: {why(error)}")
    return Result(False, None, f"{url}: more than {_MOST_REDIRECTS} redirects")


def _get(url: str, deadline: float | None, opened: Opened) -> tuple[int, str | None]:
    """Status code of the answer, and where it redirects to. Raises ValueError if the URL is not valid."""
    parts = urlsplit(url)
    is_tls = parts.scheme == "https"
    if parts.scheme not in ("http", "https") or parts.hostname is None:
        raise ValueError("not an http or https URL")
    left = None if deadline is None else max(deadline - time.monotonic(), 0.001)
    connection = http.client.HTTPConnection(parts.hostname, parts.port or (443 if is_tls else 80), timeout=left)
    try:
        connection.connect()
        if is_tls:
            tls = _tls_context().wrap_socket(
                connection.sock, server_hostname=parts.hostname, do_handshake_on_connect=False
            )
            connection.sock = tls
            opened(Interruptible(tls))
            tls.do_handshake()
        else:
            opened(Interruptible(connection.sock))
        path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        connection.request("GET", path, headers={"User-Agent": "podexec-check", "Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.getheader("Location") if answer.status in _REDIRECTS else None
    finally:
        connection.close()


@functools.cache
def _tls_context() -> ssl.SSLContext:
    import ssl  # noqa: PLC0415 - 3 MB, needed only for checks over https

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
