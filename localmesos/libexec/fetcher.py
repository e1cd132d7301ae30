"""mesos-fetcher: brings the URIs of a command into the sandbox (upstream: src/launcher/fetcher.cpp).

The agent says what to do in MESOS_FETCHER_INFO and keeps the book of the cache itself; this program only downloads,
copies, unpacks and sets modes. It ends with 1 at the first URI that fails.
"""

from __future__ import annotations

import gzip
import json
import os
import pwd
import shutil
import sys
import tarfile
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

TAR_SUFFIXES = (".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz")
ARCHIVE_SUFFIXES = (*TAR_SUFFIXES, ".zip", ".gz")
NETWORK_SCHEMES = ("http", "https", "ftp")
DEFAULT_STALL_SECONDS = 60.0


class FetchError(Exception):
    """A URI that this program cannot fetch."""


def log(message: str) -> None:
    """Write to stderr, which the agent keeps in the sandbox."""
    sys.stderr.write(message + "\n")
    sys.stderr.flush()


def base_name(uri: str) -> str:
    """The file name a URI gives: the last part of its path, without a query."""
    scheme, separator, rest = uri.partition("://")
    path = rest if separator else uri
    if scheme in NETWORK_SCHEMES:
        path = urllib.parse.urlsplit(uri).path
    name = path.rstrip("/").rpartition("/")[2]
    if not name:
        raise FetchError(f"malformed URI '{uri}': it names no file")
    return name


def download(uri: str, target: Path, frameworks_home: Path | None, stall_seconds: float) -> None:
    """Bring one URI to the file `target`."""
    uri = uri.lstrip()
    scheme, separator, rest = uri.partition("://")
    if separator and scheme in NETWORK_SCHEMES:
        log(f"Downloading resource from '{uri}' to '{target}'")
        with urllib.request.urlopen(uri, timeout=stall_seconds) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file)
        return
    if separator and scheme != "file":
        raise FetchError(f"no way to fetch '{uri}': the scheme {scheme} is not supported")
    path = Path(rest if separator else uri)
    if not path.is_absolute():
        if not frameworks_home:
            raise FetchError(f"'{uri}' is a relative path, but the agent has no --frameworks_home")
        path = frameworks_home / path
    log(f"Copying resource from '{path}' to '{target}'")
    shutil.copyfile(path, target)


def unpack_zip(archive: Path, folder: Path) -> None:
    """Unpack with the modes that were stored, which zipfile itself leaves out."""
    with zipfile.ZipFile(archive) as source:
        for info in source.infolist():
            target = Path(source.extract(info, folder))
            mode = info.external_attr >> 16
            if mode and not info.is_dir():
                target.chmod(mode & 0o777)


def unpack_tar(archive: Path, folder: Path) -> None:
    """Unpack, refusing an archive with a file that would land outside of the folder."""
    with tarfile.open(archive) as source:
        if hasattr(tarfile, "tar_filter"):
            source.extractall(folder, filter="tar")
            return
        for member in source.getmembers():  # a Python before 3.11.4
            if member.name.startswith("/") or ".." in Path(member.name).parts:
                raise FetchError(f"{archive} has a file outside of its folder: {member.name}")
        source.extractall(folder)


def unpack(archive: Path, folder: Path) -> bool:
    """Unpack by the suffix of the name; False where it is none of an archive."""
    if archive.name.endswith(".zip"):
        unpack_zip(archive, folder)
    elif archive.name.endswith(TAR_SUFFIXES):
        unpack_tar(archive, folder)
    elif archive.name.endswith(".gz"):
        target = folder / archive.stem
        with gzip.open(archive) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file)
    else:
        return False
    log(f"Extracted '{archive}' into '{folder}'")
    return True


def fetch(item: dict[str, Any], info: dict[str, Any], stall_seconds: float) -> None:
    """Do one item: from its URI or from the cache into the sandbox."""
    uri, sandbox = item["uri"], Path(info["sandbox_directory"])
    home = Path(info["frameworks_home"]) if info.get("frameworks_home") else None
    target = sandbox / (uri.get("output_file") or base_name(uri["value"]))
    target.parent.mkdir(parents=True, exist_ok=True)
    executable = bool(uri.get("executable"))
    extract = uri.get("extract", True) and not executable
    source = target
    if item["action"] == "BYPASS_CACHE":
        download(uri["value"], target, home, stall_seconds)
    else:
        source = Path(info["cache_directory"], item["cache_filename"])
        if item["action"] == "DOWNLOAD_AND_CACHE" and not source.exists():
            download(uri["value"], source, home, stall_seconds)
        if not (extract and source.name.endswith(ARCHIVE_SUFFIXES)):  # an archive is unpacked right out of the cache
            shutil.copyfile(source, target)
    if executable:
        target.chmod(0o755)
    elif extract and not unpack(source, sandbox):
        log(f"'{uri['value']}' does not seem to be an archive: it is copied, not extracted")
    log(f"Fetched '{uri['value']}' to '{target}'")


def become(user: str | None) -> None:
    """Fetch as the task's user where the agent is root."""
    if not user or os.geteuid() != 0:
        return
    entry = pwd.getpwnam(user)
    if entry.pw_uid != 0:
        os.initgroups(user, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)


def prepare_cache(info: dict[str, Any]) -> None:
    """Make the cache's folder, writable for the user who fetches."""
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
            fetch(item, info, stall_seconds)
        except (FetchError, OSError, EOFError, tarfile.TarError, zipfile.BadZipFile) as error:
            sys.exit(f"Failed to fetch '{item['uri']['value']}': {error}")
    log(f"Successfully fetched all URIs into '{info['sandbox_directory']}'")


if __name__ == "__main__":
    main()
