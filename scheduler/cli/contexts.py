"""Named schedulers with their credentials: a file of the user, which only the user may read.

What a command line or a variable says takes precedence over the current context. A context's token is sent only to its
own URL.
"""

import contextlib
import fcntl
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from scheduler.cli.errors import CommandError

VARIABLE = "PODEXEC_CONTEXT"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_LARGEST = 1024 * 1024  # bytes
_FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_AT_ONCE = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO in the file's place must not make this wait


class Context(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One scheduler, or several of which one leads.

    Attributes:
        url: as of --url; it may contain a user and a password.
        token: sent as a bearer token.
        ca_file: CA certificates to trust instead of those of this machine.
        cert_file: a certificate for the scheduler.
        key_file: the key of that certificate.
    """

    url: str
    token: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


class Contexts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the file.

    Attributes:
        current: the one that is used unless another is named; None: none.
    """

    contexts: dict[str, Context] = msgspec.field(default_factory=dict)
    current: str | None = None


class ContextUrl(str):
    """The URL of a context. Commands pass URLs on as they were given, and so the context, too."""

    __slots__ = ("context",)
    context: Context

    def __new__(cls, context: Context) -> "ContextUrl":
        made = super().__new__(cls, context.url)
        made.context = context
        return made


def path() -> Path:
    """The file, which need not exist."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if base.startswith("/") else Path.home() / ".config"
    return folder / "podexec" / "contexts.json"


def load() -> Contexts:
    """The file's content; without a file there are no contexts. Raises CommandError."""
    file = path()
    try:
        with os.fdopen(os.open(file, _AT_ONCE), "rb") as opened:
            seen = os.fstat(opened.fileno())
            _require_private(file, seen)
            content = opened.read(_LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return Contexts()
    except OSError as error:
        raise CommandError(f"cannot read {file}: {error.strerror or error}", code=2) from error
    if len(content) > _LARGEST:
        raise CommandError(f"{file} is larger than {_LARGEST >> 20} MiB", code=2)
    try:
        return msgspec.json.decode(content, type=Contexts)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CommandError(
            f"{file} is not a valid file of contexts: {error}",
            advice="Correct it, or remove it and make the contexts again: podexec context set NAME --server URL",
            code=2,
        ) from error


def named(name: str | None) -> Context | None:
    """The context of this name, of the variable, or the current one; None: there is none. Raises CommandError."""
    asked = name or os.environ.get(VARIABLE) or None
    found = load()
    chosen = asked or found.current
    if chosen is None:
        return None
    if chosen not in found.contexts:
        there = ", ".join(sorted(found.contexts)) or "none"
        raise CommandError(f"there is no context {chosen!r}", advice=f"The contexts: {there}", code=2)
    return found.contexts[chosen]


@contextlib.contextmanager
def changing() -> Iterator["_Changing"]:
    """The contexts, which are stored at the end. Others who change them wait. Raises CommandError."""
    file = path()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            change = _Changing(load())
            yield change
            _store(file, change.contexts)
        finally:
            os.close(folder)
    except OSError as error:
        raise CommandError(f"cannot change {file}: {error.strerror or error}") from error


@dataclass(slots=True)
class _Changing:
    """Contexts that are being changed."""

    contexts: Contexts = field(default_factory=Contexts)

    def set(self, name: str, context: Context) -> None:
        """Add or replace one; the first one becomes the current one."""
        current = self.contexts.current or name
        self.contexts = Contexts({**self.contexts.contexts, name: context}, current)

    def remove(self, name: str) -> None:
        """Remove one, after which none is the current one if this was."""
        left = {each: context for each, context in self.contexts.contexts.items() if each != name}
        self.contexts = Contexts(left, None if self.contexts.current == name else self.contexts.current)

    def use(self, name: str) -> None:
        """Make one the current one."""
        self.contexts = Contexts(self.contexts.contexts, name)


def _require_private(file: Path, seen: os.stat_result) -> None:
    if not stat.S_ISREG(seen.st_mode):
        raise CommandError(f"{file} is not a regular file", code=2)
    if seen.st_uid not in (os.geteuid(), 0):
        raise CommandError(f"{file} belongs to another user and is not trusted", code=2)
    if seen.st_mode & _FOR_OTHERS:
        mode = stat.filemode(seen.st_mode)
        raise CommandError(
            f"{file} contains credentials, but other users can access it ({mode})",
            advice=f"chmod 600 {file}; if others may have read it, revoke its tokens.",
            code=2,
        )


def _store(file: Path, contexts: Contexts) -> None:
    """Replace the file in one piece; only its owner may read it. Raises OSError."""
    content = msgspec.json.format(msgspec.json.encode(contexts), indent=2) + b"\n"
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as new:
            new.write(content)
            new.flush()
            os.fsync(new.fileno())
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink()
        raise
