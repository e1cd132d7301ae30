"""Opens the executor's sandbox, and the volumes in it, to the pod's containers of other users.

Mesos gives a sandbox to one user and excludes all others (mode 0750). The containers' own sandboxes lie in the
executor's, and so do the volumes that they share: a container of another user than the executor's could reach neither.
Access control lists admit exactly the users of the pod, and no other user of the machine. They need no root, as the
executor's user owns what is opened. Agents with ``--volume_gid_range`` also open volumes, to a group; both combine.
"""

from __future__ import annotations

import errno
import os
import pwd
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

from podexec import log

Json = dict[str, Any]

_ENTER: Final = 0o1
_USE: Final = 0o7
# The kernel's format of a list; see linux/posix_acl_xattr.h.
_ACCESS, _DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
_VERSION: Final = struct.pack("<I", 2)
_ENTRY: Final = struct.Struct("<HHI")
_OWNER, _NAMED_USER, _GROUP, _MASK, _OTHERS = 0x01, 0x02, 0x04, 0x10, 0x20
_NOBODY_NAMED: Final = 0xFFFFFFFF
_UNSUPPORTED: Final = (errno.EOPNOTSUPP, errno.ENOSYS)


class Sharing:
    """Opens folders, and remembers for which users they have been opened."""

    def __init__(self, sandbox: str) -> None:
        self._sandbox = sandbox
        self._users: dict[str, set[int]] = {}  # who mounts a volume, by its path in the sandbox

    def open_for(self, launches: Iterable[Json]) -> None:
        """Open what the containers of these LAUNCH_CONTAINER calls need. Failures are logged."""
        own = os.geteuid()
        changed = []
        for launch in launches:
            user = _uid(launch, own)
            if user is None:
                continue
            for path in _volumes(launch):
                users = self._users.setdefault(path, set())
                if user not in users:
                    users.add(user)
                    changed.append(path)
            users = self._users.setdefault("", set())
            if user not in users:
                users.add(user)
                changed.append("")
        for path in dict.fromkeys(changed):
            others = self._users[path] - {own, 0}
            if others:
                self._open(path, others, own)

    def _open(self, path: str, others: set[int], own: int) -> None:
        try:
            with _folder(self._sandbox, path) as folder:
                if path:
                    _let_in(folder, dict.fromkeys(others | {own}, _USE), _USE, inherited=True)
                else:
                    _let_in(folder, dict.fromkeys(others, _ENTER), _ENTER, inherited=False)
        except OSError as error:
            what = f"the volume {path}" if path else "the sandbox"
            log.get().warning(f"cannot open {what} to containers of other users", error=str(error))


def _uid(launch: Json, own: int) -> int | None:
    """Uid of the container's user; None if the agent has no such user, which it will report itself."""
    name = launch["command"].get("user")
    if not name:
        return own
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def _volumes(launch: Json) -> Iterator[str]:
    """Paths of the container's volumes that lie in the executor's sandbox."""
    for volume in (launch.get("container") or {}).get("volumes", ()):
        source = (volume.get("source") or {}).get("sandbox_path") or {}
        if source.get("type") == "PARENT" and source.get("path"):
            yield source["path"].strip("/")


@contextmanager
def _folder(sandbox: str, path: str) -> Iterator[int]:
    """Open a folder of the sandbox, and create it if it is missing. Raises OSError.

    A container may have put a link into a volume, so links are not followed. The first name is an exception: it is in
    the sandbox itself, where Mesos links persistent volumes.
    """
    names = [name for name in path.split("/") if name not in ("", ".")]
    if ".." in names:
        raise OSError(errno.EINVAL, "the path leads out of the sandbox", path)
    folder = os.open(sandbox, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for index, name in enumerate(names):
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (os.O_NOFOLLOW if index else 0)
            with suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=folder)
            inner = os.open(name, flags, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _let_in(folder: int, users: Mapping[int, int], everybody: int, *, inherited: bool) -> None:
    """Admit users by a list, or by the mode, for all users, if the file system has no lists. Raises OSError.

    With ``inherited``, whatever is created in the folder later is as open to these users as to its owner.
    """
    mode = os.fstat(folder).st_mode & 0o777
    try:
        mode = mode & ~0o070 | _group(folder, mode) << 3
        os.setxattr(folder, _ACCESS, _list(mode, users))
        if inherited:
            os.setxattr(folder, _DEFAULT, _list(mode, users))
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        os.fchmod(folder, mode | everybody)


def _group(folder: int, mode: int) -> int:
    """Permissions of the group, which the mode does not show if there is a list already. Raises OSError."""
    try:
        entries = os.getxattr(folder, _ACCESS)[len(_VERSION) :]
    except OSError as error:
        if error.errno == errno.ENODATA:
            return mode >> 3 & 7
        raise
    return next(int(allowed) for tag, allowed, _ in _ENTRY.iter_unpack(entries) if tag == _GROUP)


def _list(mode: int, users: Mapping[int, int]) -> bytes:
    """A list with the mode's permissions and those of the users. Its mask limits what users and group may do."""
    group = mode >> 3 & 7
    most = group
    for allowed in users.values():
        most |= allowed
    entries = [
        (_OWNER, mode >> 6 & 7, _NOBODY_NAMED),
        *((_NAMED_USER, allowed, user) for user, allowed in sorted(users.items())),
        (_GROUP, group, _NOBODY_NAMED),
        (_MASK, most, _NOBODY_NAMED),
        (_OTHERS, mode & 7, _NOBODY_NAMED),
    ]
    return _VERSION + b"".join(_ENTRY.pack(*entry) for entry in entries)
