"""Calls of an agent's operator API for containers and their files."""

import base64
import binascii
import posixpath
import stat
import time

from scheduler.inside.http import Http, MesosRefusedError, SilenceError, told, understanding, unknown_form
from scheduler.loop.inside import FileInfo, InsideError, Piece, Run, Usage, Why
from scheduler.mesos.credentials import Credentials
from scheduler.model.json import Json
from scheduler.model.shapes import LONGEST_ID, amount, whole

_LARGEST = 2**63
_MODE = 0o177777  # the bits that a file's mode has
_NOT_FOUND, _FORBIDDEN, _UNAUTHORIZED = 404, 403, 401
_READ = 10.0  # seconds
_LOOK_HOLDS = 0.2  # seconds; a large file is read in thousands of pieces
_MOST_LOOKS = 1000
_KINDS = {
    stat.S_IFDIR: "directory",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


class Agents:
    """A client of all agents. Every method raises InsideError."""

    def __init__(self, http: Http, credentials: Credentials) -> None:
        self._http = http
        self._credentials = credentials
        self._looks: dict[tuple[str, str], float] = {}  # when a file was last seen to be one, by agent and path

    def headers(self) -> dict[str, str]:
        """The headers that authenticate the scheduler to an agent."""
        proof = self._credentials.authorization()
        return {} if proof is None else {"Authorization": proof}

    async def call(self, run: Run, kind: str, members: Json, seconds: float = 10.0) -> Json:
        """Make a call and return the members of its answer. Raises MesosRefusedError too."""
        body = {"type": kind, kind.lower(): members}
        answer = await self._http.call(agent_named(run), run.agent_url, body, self.headers(), seconds)
        reply: Json = answer.get(kind.lower()) or {}
        if not isinstance(reply, dict):
            raise unknown_form(agent_named(run))
        return reply

    async def list_files(self, run: Run, path: str) -> list[FileInfo]:
        """List a directory of the sandbox."""
        reply = await self._of_file(run, "LIST_FILES", path, {})
        with understanding(agent_named(run)):
            return [_file_info(each) for each in reply.get("file_infos") or () if _has_path(each)]

    async def read_file(self, run: Run, path: str, offset: int, length: int) -> Piece:
        """Read part of a regular file in the sandbox.

        Mesos opens whatever a container has put there. If that is a pipe, it waits until somebody writes to it, and
        meanwhile the agent neither lists nor returns any file of any container. So its mode is looked at first.
        """
        looked = await self._look(run, path)
        if looked is not None and offset >= looked.size:
            return Piece(b"", looked.size)
        try:
            reply = await self._of_file(run, "READ_FILE", path, {"offset": offset, "length": length})
        except SilenceError as error:
            what = f"{agent_named(run)} does not return {path!r} and may be waiting for it"
            advice = (
                "if the container has just replaced it with a pipe, the agent returns no files until it is restarted"
            )
            raise InsideError(Why.UNREACHABLE, f"{what}: {advice}") from error
        try:
            return _piece(base64.b64decode(reply.get("data") or ""), _count(reply["size"]), offset, length)
        except (binascii.Error, KeyError, TypeError, ValueError) as error:
            raise InsideError(Why.UNABLE, f"{agent_named(run)} returns a file in an unknown format") from error

    async def _look(self, run: Run, path: str) -> FileInfo | None:
        """Require a regular file, or a link to one in the sandbox; None: it was one a moment ago."""
        key, now = (run.agent_url, f"{run.sandbox}/{path}"), time.monotonic()
        if now - self._looks.get(key, -_LOOK_HOLDS) < _LOOK_HOLDS:
            return None
        folder, name = posixpath.split(path)
        found = next((each for each in await self.list_files(run, folder) if each.name == name), None)
        if found is None:
            raise _absent(run, path)
        if not stat.S_ISREG(found.mode):
            kind = _KINDS.get(stat.S_IFMT(found.mode), "special file")
            raise InsideError(Why.UNABLE, f"{agent_named(run)} is not asked for {path!r}: it is a {kind}, not a file")
        if len(self._looks) >= _MOST_LOOKS:
            self._looks.clear()
        self._looks[key] = now
        return found

    async def usage(self, run: Run) -> dict[str, Usage]:
        """The use of the run's pod, by "", and of each of its containers, by id."""
        try:
            reply = await self.call(run, "GET_CONTAINERS", {"show_nested": True, "show_standalone": False})
        except MesosRefusedError as error:
            raise refused(run, "does not report the containers' resource usage", error) from error
        pod = run.container_id["parent"]["value"]
        used: dict[str, Usage] = {}
        with understanding(agent_named(run)):
            for container in reply.get("containers") or ():
                container_id = container["container_status"]["container_id"]
                name = _name_in(container_id, pod)
                if name is not None:
                    used[name] = _usage(container.get("resource_statistics") or {})
        return used

    async def _of_file(self, run: Run, kind: str, path: str, members: Json) -> Json:
        place = f"{run.sandbox}/{path}" if path else run.sandbox
        try:
            return await self.call(run, kind, {"path": place, **members}, _READ)
        except MesosRefusedError as error:
            if error.status == _NOT_FOUND:
                raise _absent(run, path) from error
            raise refused(run, f"does not return {path!r}", error) from error


def _piece(data: bytes, size: int, offset: int, length: int) -> Piece:
    """What an agent returned, as far as it was asked for and can be in a file of this size. What it held back is not
    there: otherwise who asks for the rest, or for what lies behind the end, could be kept asking for ever.
    """
    data = data[: max(0, min(length, size - offset))]
    return Piece(data, size if len(data) == length else min(size, offset + len(data)))


def agent_named(run: Run) -> str:
    """The run's agent, as shown to people."""
    return f"the agent {run.agent}"


def _absent(run: Run, path: str) -> InsideError:
    what = f"{path!r} in the sandbox" if path else "sandbox"
    return InsideError(Why.ABSENT, f"{agent_named(run)} has no {what}, or no longer has it")


def refused(run: Run, what: str, error: MesosRefusedError) -> InsideError:
    """The error for a refusal by an agent, with a hint if it is about credentials."""
    if error.status in (_UNAUTHORIZED, _FORBIDDEN):
        what += "; it requires credentials that this scheduler lacks, see --mesos-agent-authentication-principal"
    return told(agent_named(run), what, error)


def _name_in(container_id: Json, pod: str) -> str | None:
    """The container's own id if it belongs to the pod; "" for the pod itself; None for others."""
    parent = container_id.get("parent")
    if parent is None:
        return "" if container_id["value"] == pod else None
    is_of_pod = parent["value"] == pod and "parent" not in parent
    name: str = container_id["value"]
    return name if is_of_pod else None


def _has_path(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("path"), str)


def _file_info(entry: Json) -> FileInfo:
    """A file; what cannot be read of it is 0 or empty, as it must not hide the other files."""
    modified = entry.get("mtime")
    return FileInfo(
        name=entry["path"].rpartition("/")[2],
        mode=_count_or_zero(entry.get("mode")) & _MODE,
        size=_count_or_zero(entry.get("size")),
        modified=_count_or_zero(modified.get("nanoseconds") if isinstance(modified, dict) else 0) / 1e9,
        user=_name_or_empty(entry.get("uid")),
        group=_name_or_empty(entry.get("gid")),
    )


def _count(value: object) -> int:
    """An integer from 0 to 2**63, also as a string. Raises ValueError."""
    complaint = whole(value)
    count = int(str(value)) if complaint is None else -1
    if not 0 <= count < _LARGEST:
        raise ValueError(f"a count{complaint or ' is out of range'}")
    return count


def _count_or_zero(value: object) -> int:
    try:
        return _count(value)
    except ValueError:
        return 0


def _name_or_empty(value: object) -> str:
    """A name, or nothing if it is none."""
    return value[:LONGEST_ID] if isinstance(value, str) else ""


def _usage(statistics: Json) -> Usage:
    """Statistics; each isolator provides some of them."""
    cpu = [statistics[name] for name in ("cpus_user_time_secs", "cpus_system_time_secs") if name in statistics]
    return Usage(
        taken_at=_number(statistics.get("timestamp")) or 0.0,
        cpu_seconds=sum(map(_measured, cpu)) if cpu else None,
        cpus_limit=_number(statistics.get("cpus_limit")),
        memory_bytes=_whole(statistics.get("mem_rss_bytes")),
        memory_limit_bytes=_whole(statistics.get("mem_limit_bytes")),
        processes=_whole(statistics.get("processes")),
    )


def _number(value: object) -> float | None:
    return None if value is None else _measured(value)


def _measured(value: object) -> float:
    complaint = amount(value)
    if complaint is not None:
        raise ValueError(complaint)
    return float(value)  # type: ignore[arg-type] # it is a number


def _whole(value: object) -> int | None:
    return None if value is None else _count(value)
