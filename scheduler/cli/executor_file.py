"""Finds the executor's file when a scheduler starts: its own, which it serves, or one that it fetches and checks."""

import contextlib
import hashlib
import importlib.resources
import ipaddress
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import structlog
from msgspec import structs

from scheduler.api.executor import PREFIX, ExecutorFile
from scheduler.cli.configuration import Serving
from scheduler.cli.errors import CommandError
from scheduler.cli.executor import AUTO, DEFAULT, CheckedUri, Program, checked_uri, command_for, is_static
from scheduler.model.urls import without_password

_LARGEST = 64 * 1024 * 1024
_MOST_REDIRECTS = 5
_PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0)  # seconds before a further attempt; a server may be restarting too
_SILENCE, _LONGEST = 30.0, 300.0  # seconds without a byte, and in all
_log = structlog.get_logger("scheduler")


def packaged() -> Path | None:
    """The static executor of this installation, if it contains one."""
    path = Path(str(importlib.resources.files("podexec"))) / "executor-x86_64"
    return path if path.is_file() else None


def build_zipapp(output: Path, python: str = "python3", bytecode_for: str = sys.executable) -> Path:
    """Build the executor's zipapp from this installation. Raises CommandError."""
    # -P: nothing is imported from the current folder. Not -I: that would also ignore PYTHONPATH and the user's
    # site-packages, from which this process may itself have been imported.
    command = [sys.executable, "-P", "-m", "podexec.zipapp", "--output", str(output), "--python", python]
    built = subprocess.run([*command, "--bytecode-for", bytecode_for], capture_output=True, text=True, check=False)
    if built.returncode:
        raise CommandError(f"cannot build the executor: {built.stderr.strip()}")
    return output


@contextlib.contextmanager
def own_file() -> Iterator[ExecutorFile]:
    """The file that this scheduler serves: the static executor, or a zipapp if the installation lacks it."""
    with tempfile.TemporaryDirectory(prefix="podexec-") as folder:
        path = packaged()
        if path is None:
            _log.warning(
                "this installation has no static executor: serving the zipapp",
                needs="Python 3.11 or later on every agent",
                advice="install a wheel of podexec, or run make executor in its sources",
            )
            path = build_zipapp(Path(folder, "podexec.pyz"))
        file = ExecutorFile.open(path)
    with contextlib.closing(file):
        yield file


@contextlib.contextmanager
def settled(serving: Serving, address: str, advertised: str) -> Iterator[tuple[Serving, ExecutorFile | None]]:
    """The configuration with the executor in use, and its file if agents get it from this scheduler.

    ``address``: where the API listens; ``advertised``: ``host:port`` for others. Raises CommandError.
    """
    options = serving.options
    is_local = ipaddress.ip_address(address).is_loopback and options.executor_base_url is None
    executor = options.executor or (DEFAULT if is_local else AUTO)
    serving = replace(serving, options=replace(options, executor=executor))
    asked = checked_uri(executor)
    if asked is not None:
        yield _started_with(serving, checked(asked)), None
    elif executor != AUTO:
        yield _unchecked(serving, executor), None
    elif is_local:
        raise CommandError(
            f"--executor auto: agents cannot fetch the executor from {advertised}, which only this machine can reach",
            advice="Listen on another address (--listen 0.0.0.0:8080), set --executor-base-url to the address "
            "at which agents reach this API, or give --executor the path of a file on every agent.",
        )
    else:
        if options.tls_client_ca_file is not None and options.executor_base_url is None:
            raise CommandError(
                "--executor auto: agents cannot fetch the executor, as they have no certificates for "
                "--tls-client-ca-file",
                advice="Set --executor-base-url to the address of a proxy that lets them, or give --executor the path "
                "of a file on every agent, or a URI.",
                code=2,
            )
        base_url = options.executor_base_url or f"{serving.scheme}://{advertised}"
        with own_file() as file:
            program = Program(f"{base_url.rstrip('/')}{PREFIX}{file.sha256}", is_static(file.start), file.sha256)
            yield _started_with(serving, program), file


def _started_with(serving: Serving, program: Program) -> Serving:
    uri = without_password(program.place)
    _log.info("agents fetch the executor", uri=uri, static=program.is_static, sha256=program.sha256)
    command = command_for(program, serving.options.executor_python, serving.options.log_level)
    settings = structs.replace(serving.settings, executor=command)
    return replace(serving, settings=settings, executor_sha256=program.sha256)


def _unchecked(serving: Serving, executor: str) -> Serving:
    """The configuration with an executor of which nothing is checked; says what is known of it."""
    if executor == DEFAULT:
        return serving
    if "://" in executor:
        _log.warning(
            "agents fetch an executor that is not verified",
            uri=without_password(executor),
            advice="append #sha256= and its checksum (sha256sum FILE)",
        )
        return serving
    try:
        with Path(executor).open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CommandError(f"--executor: cannot read {executor}: {error.strerror}") from error
    _log.info("the executor is on the agents", path=executor, sha256=sha256)
    return replace(serving, executor_sha256=sha256)


def checked(asked: CheckedUri) -> Program:
    """The program at a URI, which is fetched once. Raises CommandError if it is not the expected file."""
    shown = without_password(asked.uri)
    start, sha256 = _fetched(asked.uri, shown)
    if sha256 != asked.sha256:
        raise CommandError(
            f"--executor: the SHA-256 of {shown} is {sha256}, not {asked.sha256} as given",
            advice="Put the expected file there, or give the checksum of this one if you trust it.",
        )
    return Program(asked.uri, is_static(start), sha256)


def _fetched(uri: str, shown: str) -> tuple[bytes, str]:
    """The first bytes and the SHA-256 of what is there now. Retries while nothing answers."""
    for attempt, pause in enumerate((*_PAUSES, None), 1):
        try:
            return _digest(uri, shown)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            why = str(error) or type(error).__name__
            is_final = isinstance(error, httpx2.UnsupportedProtocol) or not isinstance(error, httpx2.TransportError)
            if pause is None or is_final:
                raise CommandError(
                    f"--executor: cannot fetch {shown}: {why} (attempt {attempt})",
                    advice="Agents fetch it from there too: start the server, or use --executor auto.",
                ) from error
            _log.warning("the executor cannot be fetched, trying again", uri=shown, error=why, seconds=pause)
            time.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def _digest(uri: str, shown: str) -> tuple[bytes, str]:
    sha256, start, size, began = hashlib.sha256(), b"", 0, time.monotonic()
    identity = {"Accept-Encoding": "identity"}  # another could grow when it is decoded; agents get the file as it is
    with (
        httpx2.Client(timeout=_SILENCE, max_redirects=_MOST_REDIRECTS, headers=identity) as client,
        client.stream("GET", uri, follow_redirects=True) as response,
    ):
        for each in (*response.history, response):
            if urlsplit(uri).scheme == "https" and each.url.scheme != "https":
                raise CommandError(f"--executor: {shown} redirects to {each.url.scheme}, which anybody can change")
        if response.status_code != httpx2.codes.OK:
            raise CommandError(f"--executor: cannot fetch {shown}: HTTP {response.status_code}")
        for piece in response.iter_raw():
            start, size = start or piece[:16], size + len(piece)
            if size > _LARGEST:
                raise CommandError(f"--executor: {shown} is larger than {_LARGEST >> 20} MiB: this is not an executor")
            if time.monotonic() - began > _LONGEST:
                raise CommandError(f"--executor: {shown} sent only {size} bytes in {_LONGEST:g} s")
            sha256.update(piece)
    return start, sha256.hexdigest()
