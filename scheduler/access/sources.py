"""Where JWK sets come from: a file, a URL, or an issuer that names its URL (OpenID Connect Discovery 1.0)."""

import ipaddress
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import msgspec

from scheduler.access.jwks import LARGEST_SET
from scheduler.access.keyring import Source

_TIMEOUT = 5.0  # seconds without any data
_DEADLINE = 15.0  # seconds for a whole answer
_FRESH_URL, _PAUSE_URL = 3600.0, 60.0
_FRESH_FILE, _PAUSE_FILE = 5.0, 5.0
_WELL_KNOWN = "/.well-known/openid-configuration"


def source_of(place: str) -> Source:
    """A file, or an https URL. Raises ValueError for another URL."""
    if "://" in place:
        _require_https(place)
        return Source(place, lambda: _fetched(place), _FRESH_URL, _PAUSE_URL)
    return Source(place, lambda: _content(Path(place)), _FRESH_FILE, _PAUSE_FILE, is_file=True)


def discovered(issuer: str) -> Source:
    """The set that an issuer's configuration names. Raises ValueError for an issuer that is no https URL."""
    _require_https(issuer)
    return Source(issuer, lambda: _fetched(_jwks_uri(issuer)), _FRESH_URL, _PAUSE_URL)


def _jwks_uri(issuer: str) -> str:
    try:
        found = msgspec.json.decode(_fetched(issuer.rstrip("/") + _WELL_KNOWN))
        stated, uri = found["issuer"], found["jwks_uri"]
    except (msgspec.DecodeError, KeyError, TypeError, RecursionError):
        raise ValueError(f"{issuer}{_WELL_KNOWN} does not name an issuer and a jwks_uri") from None
    if stated != issuer:
        raise ValueError(f"the configuration of {issuer} is that of another issuer, {stated!r}")
    if not isinstance(uri, str):
        raise ValueError(f"the jwks_uri of {issuer} is not a URL")
    _require_https(uri)
    return uri


def _require_https(url: str) -> None:
    """Keys that somebody could replace on their way are worth nothing. On this machine there is no way."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if not host or parts.username is not None or not (parts.scheme == "https" or _is_plain(parts.scheme, host)):
        raise ValueError(f"{url} must be an https:// URL without credentials")


def _is_plain(scheme: str, host: str) -> bool:
    try:
        return scheme == "http" and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _content(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(LARGEST_SET + 1)


def _fetched(url: str) -> bytes:
    """The body of a successful answer. Raises OSError or ValueError."""
    deadline = time.monotonic() + _DEADLINE
    content = bytearray()
    try:
        with (
            httpx2.Client(timeout=_TIMEOUT, trust_env=url.startswith("https:")) as client,  # no proxy to this machine
            client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer,
        ):
            if answer.status_code != httpx2.codes.OK:
                raise ValueError(f"{url} answered with status {answer.status_code}")
            for piece in answer.iter_raw():
                content += piece
                if len(content) > LARGEST_SET or time.monotonic() > deadline:
                    raise ValueError(f"{url} sent more than {LARGEST_SET} bytes, or took more than {_DEADLINE:g} s")
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise OSError(f"{url} does not answer: {error}") from error
    return bytes(content)
