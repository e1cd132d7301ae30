"""mesos-fetcher: fetches the URIs of a command into the sandbox (upstream: src/launcher/fetcher.cpp).

The agent passes the work in MESOS_FETCHER_INFO and manages the cache itself; this program only downloads, copies,
unpacks and sets modes. It exits with 1 at the first URI that fails. Unlike upstream's it writes nothing outside the
sandbox, whatever an archive contains.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import sys
import urllib.parse
import urllib.request
from contextlib import AbstractContextManager
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any

from localmesos.libexec.unpacking import Folder, UnpackError, components, unpack, unpack_gzip

TAR_SUFFIXES = (".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz")
ARCHIVE_SUFFIXES = (*TAR_SUFFIXES, ".zip", ".gz")
NETWORK_SCHEMES = ("http", "https", "ftp")
DEFAULT_STALL_SECONDS = 60.0


class FetchError(Exception):
    """A URI that this program cannot fetch."""


def log(message: str) -> None:
    """Write to stderr, which the agent stores in the sandbox."""
    sys.stderr.write(message + "\n")
    sys.stderr.flush()


def base_name(uri: str) -> str:
    """File name of a URI: the last part of its path, without a query."""
    scheme, separator, rest = uri.partition("://")
    path = rest if separator else uri
    if scheme in NETWORK_SCHEMES:
        path = urllib.parse.urlsplit(uri).path
    name = path.rstrip("/").rpartition("/")[2]
    if not name:
        raise FetchError(f"malformed URI '{uri}': it names no file")
    return name


def download(uri: str, file: IO[bytes], frameworks_home: Path | None, stall_seconds: float) -> None:
    """Download or copy one URI into a file."""
    uri = uri.lstrip()
    scheme, separator, rest = uri.partition("://")
    if separator and scheme in NETWORK_SCHEMES:
        log(f"Downloading resource from '{uri}'")
        with urllib.request.urlopen(uri, timeout=stall_seconds) as source:
            shutil.copyfileobj(source, file)
            missing = getattr(source, "length", None)  # http.client does not report an early end
            if missing:
                raise FetchError(f"the connection ended {missing} bytes before the end of the file")
        return
    if separator and scheme != "file":
        raise FetchError(f"cannot fetch '{uri}': the scheme {scheme} is not supported")
    path = Path(rest.removeprefix("localhost") if separator else uri)
    if not path.is_absolute():
        if not frameworks_home:
            raise FetchError(f"'{uri}' is a relative path, but the agent has no --frameworks_home")
        path = frameworks_home / path
    log(f"Copying resource from '{path}'")
    if path.exists() and not path.is_file():
        raise FetchError(f"'{path}' is not a file")
    with path.open("rb") as source:
        shutil.copyfileobj(source, file)


def extract(archive: Path, sandbox: Folder) -> bool:
    """Unpack an archive, recognised by its suffix. Returns False if the file is not an archive."""
    if archive.name.endswith((*TAR_SUFFIXES, ".zip")):
        unpack(archive, sandbox)
    elif archive.name.endswith(".gz"):
        unpack_gzip(archive, sandbox, archive.stem)
    else:
        return False
    log(f"Extracted '{archive}' into the sandbox")
    return True


def created(sandbox: Folder, name: str, mode: int) -> AbstractContextManager[IO[bytes]]:
    """Open a new file of the sandbox for writing."""
    if name.rpartition("/")[2] in ("", "."):
        raise FetchError(f"'{name}' names a folder, not a file")
    return sandbox.file(name, mode)


def fetch(item: dict[str, Any], info: dict[str, Any], sandbox: Folder, stall_seconds: float) -> None:
    """Fetch one item into the sandbox, from its URI or from the cache."""
    uri = item["uri"]
    home = Path(info["frameworks_home"]) if info.get("frameworks_home") else None
    name = uri.get("output_file") or base_name(uri["value"])
    target = Path(info["sandbox_directory"], *components(name))
    executable = bool(uri.get("executable"))
    wants_extract = uri.get("extract", True) and not executable
    mode = 0o777 if executable else 0o666
    source = target
    if item["action"] == "BYPASS_CACHE":
        with created(sandbox, name, mode) as file:
            download(uri["value"], file, home, stall_seconds)
    else:
        source = Path(info["cache_directory"], item["cache_filename"])
        if item["action"] == "DOWNLOAD_AND_CACHE" and not source.exists():
            with source.open("wb") as file:
                download(uri["value"], file, home, stall_seconds)
        if not (wants_extract and source.name.endswith(ARCHIVE_SUFFIXES)):  # an archive is unpacked from the cache
            with source.open("rb") as cached, created(sandbox, name, mode) as file:
                shutil.copyfileobj(cached, file)
    if wants_extract and not extract(source, sandbox):
        log(f"'{uri['value']}' does not seem to be an archive: it is copied, not extracted")
    log(f"Fetched '{uri['value']}' to '{target}'")


def become(user: str | None) -> None:
    """Change to the task's user if the agent is root."""
    if not user or os.geteuid() != 0:
        return
    entry = pwd.getpwnam(user)
    if entry.pw_uid != 0:
        os.initgroups(user, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)


def prepare_cache(info: dict[str, Any]) -> None:
    """Make the cache's folder, writable for the fetching user."""
    folder = info.get("cache_directory")
    if not folder or all(item["action"] == "BYPASS_CACHE" for item in info.get("items", [])):
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    if info.get("user") and os.geteuid() == 0:
        entry = pwd.getpwnam(info["user"])
        os.chown(folder, entry.pw_uid, entry.pw_gid)


def main() -> None:
    """Fetch everything that MESOS_FETCHER_INFO lists."""
    info = json.loads(os.environ["MESOS_FETCHER_INFO"])
    log(f"Fetcher Info: {json.dumps(info)}")
    nanoseconds = info.get("stall_timeout", {}).get("nanoseconds")
    stall_seconds = int(nanoseconds) / 1e9 if nanoseconds else DEFAULT_STALL_SECONDS
    prepare_cache(info)
    become(info.get("user"))
    for item in info.get("items", []):
        try:
            # A Folder for each item: it gives directories their modes when all of an archive is unpacked.
            with Folder(Path(info["sandbox_directory"])) as sandbox:
                fetch(item, info, sandbox, stall_seconds)
        except (FetchError, UnpackError, OSError, HTTPException, ValueError) as error:
            sys.exit(f"Failed to fetch '{item['uri']['value']}': {error or type(error).__name__}")
    log(f"Successfully fetched all URIs into '{info['sandbox_directory']}'")


if __name__ == "__main__":
    main()
