"""The process of ``podexec scheduler``: opens what lasts as long as it does, and hands it to whoever leads.

It ends on SIGTERM and SIGINT, leaving the pods as they are, and with an error if the store, the framework or an edge
fails. Errors that do not depend on Mesos, such as a port in use or a foreign store, are found before it is contacted.
"""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Coroutine, Iterator
from typing import Any

from scheduler.cli import executor_file, files
from scheduler.cli.alone import run_alone
from scheduler.cli.configuration import Serving
from scheduler.cli.errors import CommandError
from scheduler.cli.resources import Resources, advertised
from scheduler.cli.roles import run_among_several
from scheduler.cli.server import ErrorHandler, listen
from scheduler.loop.event_loop import LoopError
from scheduler.loop.ports import SecretError, Secrets
from scheduler.observe import log as logging
from scheduler.observe.audit import AuditLog
from scheduler.recording import Recorder, RecordingFile, RecordingFileError
from scheduler.secrets import open_source
from scheduler.store import Store, StoreError, open_store

_SWITCH_INTERVAL = 0.0005  # seconds; with Python's 5 ms, the thread that commits mostly waits for its turn
# Python's garbage collector rarely scans the whole heap: the world's objects live long and contain no reference cycles,
# and scanning them repeatedly would cost more than reading the store and handling the events. It scans the young ones
# often, because a scan holds all threads.
_COLLECTOR_THRESHOLDS = (10_000, 5_000, 1_000)


def serve(serving: Serving) -> None:
    """Run until told to stop. Raises CommandError if it cannot start or continue."""
    logging.configure(serving.options.log_level)
    gc.set_threshold(*_COLLECTOR_THRESHOLDS)
    room = files.room(files.raise_limit(), serving.options.max_connections)
    source = _secrets(serving.options.secrets_source)
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(contextlib.closing(listen(serving.host, serving.port, room.backlog)))
        address, reached_at = listening.getsockname()[0], advertised(serving, listening)
        serving, executor = stack.enter_context(executor_file.settled(serving, address, reached_at))
        audit = stack.enter_context(contextlib.closing(_audit_log(serving)))
        try:
            if serving.options.ha:
                recorder = stack.enter_context(_recording(serving))
                resources = Resources(serving, source, listening, room, recorder, audit, executor)
                run(resources, run_among_several(resources))
                return
            with contextlib.closing(_open_store(serving)) as store, _recording(serving) as recorder:
                resources = Resources(serving, source, listening, room, recorder, audit, executor)
                run(resources, run_alone(resources, store))
        except (StoreError, LoopError) as error:
            raise CommandError(str(error)) from error


def run(resources: Resources, serving: Coroutine[Any, Any, None]) -> None:
    """Run a scheduler in an asyncio loop of its own."""

    async def prepared() -> None:
        asyncio.get_running_loop().set_exception_handler(ErrorHandler().handle)
        sys.setswitchinterval(_SWITCH_INTERVAL)
        await serving

    asyncio.run(prepared())


def _open_store(serving: Serving) -> Store:
    """Open the store. SIGTERM and SIGINT end the process meanwhile, as they do later: it may wait for its servers."""
    signals = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: sys.exit(0)) for number in signals]
    try:
        return open_store(serving.options.store, serving.options.zk_session_timeout)
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


@contextlib.contextmanager
def _recording(serving: Serving) -> Iterator[Recorder | None]:
    """The recorder that the options ask for, if any."""
    path, limit = serving.options.record, serving.options.record_limit
    if path is None:
        yield None
        return
    try:
        file = RecordingFile(path, limit * 1024 * 1024)
    except RecordingFileError as error:
        raise CommandError(f"--record: {error}") from error
    with contextlib.closing(Recorder(file)) as recorder:
        yield recorder


def _audit_log(serving: Serving) -> AuditLog:
    path = serving.options.audit_log
    try:
        return AuditLog(path)
    except OSError as error:
        raise CommandError(f"--audit-log {path}: {error.strerror}") from error


def _secrets(source: str) -> Secrets | None:
    try:
        return open_source(source)
    except SecretError as error:
        raise CommandError(f"--secrets-source: {error}") from error
