"""Gets images from a registry by its HTTP API, version 2: https://distribution.github.io/distribution/spec/api/

Credentials are those of one registry. They are sent to it, and to the token service that it names, over HTTPS if the
registry itself is used over HTTPS, and never to another host that it redirects to.
"""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.parse import urlencode, urlsplit

from localmesos.images import formats, names
from localmesos.images.errors import ImageError
from localmesos.libexec.unpacking import shown

ACCEPTED = ", ".join((*formats.MANIFESTS, *formats.INDEXES))
_MOST_INDEXES = 2  # an image, or an index and its image
_CHUNK = 256 * 1024
_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_ADD_IT = "or add the image with 'podexec cluster image add'"


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, with credentials only on the same server."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is not None and urlsplit(newurl)[:2] == urlsplit(req.full_url)[:2]:
            for name, value in req.unredirected_hdrs.items():
                following.add_unredirected_header(name, value)
        return following


class Registry:
    """One registry, as one pull uses it."""

    def __init__(
        self,
        url: str,
        *,
        authorization: str | None = None,
        entry: str | None = None,
        stall_seconds: float = 60.0,
    ) -> None:
        """`url`: as users give it, with a path if images are below one. `authorization`: "Basic ..." for this one.

        `entry`: where users have these credentials in a Docker config.json, for messages; None: under the host.
        """
        self.url = url.rstrip("/")
        parts = urlsplit(self.url)
        self._api, self._prefix = f"{parts.scheme}://{parts.netloc}/v2/", parts.path.strip("/")
        self._entry, self._secure = entry or parts.netloc, parts.scheme == "https"
        self._basic, self._stall = authorization, stall_seconds
        self._bearer: str | None = None
        # Otherwise the proxies of the environment are used, which cannot reach this machine's loopback address.
        direct = (urllib.request.ProxyHandler({}),) if names.is_loopback(parts.netloc) else ()
        self._opener = urllib.request.build_opener(_Redirects(), *direct)

    def check(self) -> None:
        """Raise ImageError unless a registry answers there, with or without asking for credentials."""
        try:
            with self._open(self._api, {}) as answer:
                status = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
            error.close()
        if status not in (200, 401):
            raise ImageError(f"{self.url} is not a registry: it answers {self._api} with status {status}")

    def manifest(self, repository: str, reference: str) -> formats.Manifest:
        """The manifest of an image, by its tag or digest, for this machine's platform."""
        what = f"{repository}{'@' if formats.is_digest(reference) else ':'}{reference} of {self.url}"
        for _ in range(_MOST_INDEXES):
            data = self._document(repository, f"manifests/{reference}", ACCEPTED, what)
            if formats.is_digest(reference) and formats.digest_of(data) != reference:
                raise ImageError(f"the manifest of {what} does not have its digest: the registry is damaged")
            document = formats.read_json(data, f"the manifest of {what}")
            kind = formats.media_type_of(document)
            if kind in formats.MANIFESTS:
                manifest = formats.parse_manifest(document, what)
                self._check_platform(repository, manifest, what)
                return manifest
            if kind not in formats.INDEXES:
                raise ImageError(f"{what} is of type {shown(kind)}, which is not an image")
            reference = formats.for_this_platform(document, what).digest
        raise ImageError(f"{what} is an index of an index, which Mesos cannot run")

    def save(self, repository: str, digest: str, file: IO[bytes]) -> None:
        """Write content to a file. Raises ImageError if it does not have its digest."""
        what = f"{digest} of {repository} of {self.url}"
        found = hashlib.sha256()
        with self._get(repository, f"blobs/{digest}", "*/*", what) as answer:
            try:
                while chunk := answer.read(_CHUNK):
                    found.update(chunk)
                    file.write(chunk)
            except (HTTPException, TimeoutError, ConnectionError, ssl.SSLError) as error:
                raise ImageError(f"the download of {what} was interrupted: {_reason(error)}") from None
        if f"sha256:{found.hexdigest()}" != digest:
            raise ImageError(f"what the registry sent as {what} does not have that digest: it is damaged or incomplete")

    def _check_platform(self, repository: str, manifest: formats.Manifest, what: str) -> None:
        config = self._document(repository, f"blobs/{manifest.config.digest}", "*/*", what)
        formats.check_platform(formats.read_json(config, f"the configuration of {what}"), what)

    def _document(self, repository: str, path: str, accept: str, what: str) -> bytes:
        with self._get(repository, path, accept, what) as answer:
            return _read(answer, what)

    def _get(self, repository: str, path: str, accept: str, what: str) -> Any:
        """The answer with status 200; credentials are sent once the registry asks for them."""
        if self._prefix and not f"{repository}/".startswith(f"{self._prefix}/"):
            repository = f"{self._prefix}/{repository}"
        url = f"{self._api}{repository}/{path}"
        headers = {"Accept": accept}
        try:
            return self._open(url, headers | self._authorization())
        except urllib.error.HTTPError as error:
            if error.code != 401 or self._bearer is not None:
                raise self._refused(error, what) from None
            challenge = error.headers.get_all("WWW-Authenticate") or []
            error.close()
        try:
            return self._open(url, headers | self._answer_to(challenge, repository))
        except urllib.error.HTTPError as error:
            raise self._refused(error, what) from None

    def _authorization(self) -> dict[str, str]:
        return {} if self._bearer is None else {"Authorization": f"Bearer {self._bearer}"}

    def _answer_to(self, challenge: list[str], repository: str) -> dict[str, str]:
        """The header that a registry asks for: its credentials, or a token that they are exchanged for."""
        for each in challenge:
            scheme, _, rest = each.strip().partition(" ")
            parameters = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(rest)}
            if scheme.lower() == "bearer" and (realm := parameters.get("realm")):
                self._bearer = self._token(realm, parameters, repository)
                return self._authorization()
            if scheme.lower() == "basic" and self._basic:
                return {"Authorization": self._basic}
        raise ImageError(self._credentials_needed())

    def _token(self, realm: str, parameters: Mapping[str, str], repository: str) -> str:
        """A token for pulls from the service that the registry names: https://distribution.github.io/distribution/spec/auth/token/"""
        if urlsplit(realm).scheme not in ("https", *(() if self._secure else ("http",))):
            raise ImageError(f"{self.url} asks for a token of {shown(realm)}, which is not protected by HTTPS")
        query = {"scope": parameters.get("scope") or f"repository:{repository}:pull"}
        if service := parameters.get("service"):
            query["service"] = service
        url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}"
        try:
            with self._open(url, {"Authorization": self._basic} if self._basic else {}) as answer:
                document = formats.read_json(_read(answer, "a token"), f"the token of {shown(realm)}")
        except urllib.error.HTTPError as error:
            raise self._refused(error, f"a token for {repository}") from None
        token = document.get("token") or document.get("access_token")
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
            raise ImageError(f"{shown(realm)}, which {self.url} names, issues no token")
        return token

    def _open(self, url: str, headers: Mapping[str, str]) -> Any:
        """Send a request. Raises ImageError if the server cannot be reached, and HTTPError if it refuses."""
        request = urllib.request.Request(url, headers={"User-Agent": "podexec"})
        for name, value in headers.items():
            request.add_unredirected_header(name, value)
        try:
            return self._opener.open(request, timeout=self._stall)
        except urllib.error.HTTPError:
            raise
        except (OSError, HTTPException, ValueError) as error:
            raise ImageError(self._unreachable(url, error)) from None

    def _unreachable(self, url: str, error: Exception) -> str:
        reason = getattr(error, "reason", error)
        host = urlsplit(url).netloc
        if isinstance(reason, ssl.SSLCertVerificationError):
            return (
                f"the certificate of the registry {host} is not trusted ({reason.verify_message}): add the certificate "
                "of its authority to this machine's, or set SSL_CERT_FILE when the cluster is started"
            )
        if isinstance(reason, ssl.SSLError) and reason.reason == "WRONG_VERSION_NUMBER":
            return f"the registry {host} does not use HTTPS: start the cluster with --registry http://{host}"
        return (
            f"the registry {host} cannot be reached ({_reason(reason)}): check its address and that it runs, {_ADD_IT}"
        )

    def _refused(self, error: urllib.error.HTTPError, what: str) -> ImageError:
        """What a status means to the user."""
        with error:
            if error.code == 404:
                return ImageError(f"there is no image {what}: check its name and tag, {_ADD_IT}")
            if error.code in (401, 403):
                return ImageError(self._credentials_refused(what) if self._basic else self._credentials_needed())
            if error.code == 429:
                return ImageError(f"{self.url} limits how many images it sends: wait, or use credentials")
            return ImageError(f"{self.url} answers a request for {what} with status {error.code}: see its log")

    def _credentials_needed(self) -> str:
        return (
            f"{self.url} requires credentials, or has no such image: check the image's name, and let image.pullConfig "
            f"name a secret with a Docker config.json that has an entry for {self._entry}"
        )

    def _credentials_refused(self, what: str) -> str:
        return f"{self.url} refuses the credentials of image.pullConfig for {what}: check the entry for {self._entry}"


def _read(answer: Any, what: str) -> bytes:
    """A document of limited size."""
    try:
        data: bytes = answer.read(formats.MOST_DOCUMENT_BYTES + 1)
    except (HTTPException, OSError) as error:
        raise ImageError(f"the download of {what} was interrupted: {_reason(error)}") from None
    if len(data) > formats.MOST_DOCUMENT_BYTES:
        raise ImageError(f"the document for {what} has more than {formats.MOST_DOCUMENT_BYTES} bytes")
    return data


def _reason(error: object) -> str:
    """An error in a few words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
