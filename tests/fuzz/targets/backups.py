"""Backup files in which something was changed: their bytes, or their lines, with a checksum that fits or does not."""

import contextlib
import gzip
import hashlib
import json
import tempfile
from functools import cached_property
from pathlib import Path
from random import Random

from scheduler.loop.bus import StreamEvent
from scheduler.model.records import Condition
from scheduler.store.tools import BackupError, fill, read, read_backup, write_backup
from scheduler.store.tools.contents import Contents
from tests.fuzz.mutation import mutated_bytes, mutated_json
from tests.fuzz.pods import drawn, rich_offer, tell_all, whole, work_with, written_definitions
from tests.fuzz.target import FaultError, Target
from tests.model.strategies import any_valid
from tests.store.samples import all_records

_EVENTS = (StreamEvent(7, "a", b'{"n": 1}'), StreamEvent(8, "b", b"{}"))


class Fuzzed(Target):
    """A case is a file."""

    @cached_property
    def _material(self) -> list[bytes]:
        with whole() as api:
            for body in [*written_definitions()[:6], *drawn(self.random, any_valid(), 3)]:
                api("POST", "/v2/pods", json=body)
            api.happens(*map(rich_offer, range(6)))
            tell_all(api, Condition.RUNNING, "läuft")
            grown = api.stored()
        return [_file(Contents(tuple(each), _EVENTS)) for each in (all_records(), grown)]

    def make_case(self, random: Random) -> bytes:
        """Change lines, or bytes."""
        file = random.choice(self._material)
        if random.random() < 0.2:
            return mutated_bytes(random, file)
        lines = gzip.decompress(file).splitlines()
        for _ in range(random.choice((1, 1, 2, 5))):
            _change(random, lines)
        if random.random() < 0.9 and lines:
            _fit(lines)
        data = b"\n".join(lines) + b"\n"
        return gzip.compress(mutated_bytes(random, data) if random.random() < 0.1 else data, 1, mtime=0)

    def run(self, case: bytes) -> None:
        """The file is refused, or all of it can be restored, read again and worked with."""
        with tempfile.TemporaryDirectory(prefix="podexec-fuzz-") as folder:
            path, store = Path(folder, "backup"), f"sqlite:///{folder}/store.db"
            path.write_bytes(case)
            try:
                contents = read_backup(path)
            except BackupError:
                return
            contents.text()
            fill(store, contents)
            again = read(store)
            if sorted(map(repr, again.records)) != sorted(map(repr, contents.records)):
                raise FaultError("state", "the store has other records than the backup")
            if again.events != contents.events:
                raise FaultError("state", "the store has other events than the backup")
        work_with(list(contents.records))


def _file(contents: Contents) -> bytes:
    with tempfile.TemporaryDirectory(prefix="podexec-fuzz-") as folder:
        path = Path(folder, "backup")
        write_backup(path, contents, "1.0", "2026-11-30T00:00:00.000Z")
        return path.read_bytes()


def _change(random: Random, lines: list[bytes]) -> None:
    if not lines:
        return
    at = random.randrange(len(lines))
    match random.choice(("json",) * 6 + ("lose", "repeat", "move", "bytes")):
        case "json":
            with contextlib.suppress(ValueError, RecursionError):
                lines[at] = mutated_json(random, json.loads(lines[at]), 2).replace(b"\n", b" ")
        case "lose":
            del lines[at]
        case "repeat":
            lines.insert(random.randrange(len(lines)), lines[at])
        case "move":
            lines.insert(random.randrange(len(lines)), lines.pop(at))
        case "bytes":
            lines[at] = mutated_bytes(random, lines[at])


def _fit(lines: list[bytes]) -> None:
    """Have a last line that fits the others."""
    before = b"".join(line + b"\n" for line in lines[:-1])
    events = sum(line.startswith(b'{"event":') for line in lines[:-1])
    records = max(0, len(lines) - 2 - events)
    tail = {"records": records, "events": events, "sha256": hashlib.sha256(before).hexdigest()}
    lines[-1] = json.dumps(tail, separators=(",", ":")).encode()
