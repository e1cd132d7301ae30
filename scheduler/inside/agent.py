"""Calls of an agent's operator API for containers and their files."""

import base64
import binascii
from typing import Any

from scheduler.inside.http import Http, MesosRefusedError, understanding, unknown_form
from scheduler.loop.inside import FileInfo, InsideError, Piece, Run, Usage, Why
from scheduler.mesos.credentials import Credentials
from scheduler.model.json import Json

_NOT_FOUND, _FORBIDDEN, _UNAUTHORIZED = 404, 403, 401


class Agents:
    """A client of all agents. Every method raises InsideError."""

    def __init__(self, http: Http, credentials: Credentials) -> None:
        self._http = http
        self._credentials = credentials

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
            return [_file_info(each) for each in reply.get("file_infos") or ()]

    async def read_file(self, run: Run, path: str, offset: int, length: int) -> Piece:
        """Read part of a file in the sandbox."""
        reply = await self._of_file(run, "READ_FILE", path, {"offset": offset, "length": length})
        try:
            return Piece(base64.b64decode(reply.get("data") or ""), int(reply["size"]))
        except (binascii.Error, KeyError, TypeError, ValueError) as error:
            raise InsideError(Why.UNABLE, f"{agent_named(run)} returns a file in an unknown format") from error

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
            return await self.call(run, kind, {"path": place, **members})
        except MesosRefusedError as error:
            if error.status == _NOT_FOUND:
                what = f"{path!r} in the sandbox" if path else "sandbox"
                raise InsideError(Why.ABSENT, f"{agent_named(run)} has no {what}, or no longer has it") from error
            raise refused(run, f"does not return {path!r}", error) from error


def agent_named(run: Run) -> str:
    """The run's agent, as shown to people."""
    return f"the agent {run.agent}"


def refused(run: Run, what: str, error: MesosRefusedError) -> InsideError:
    """The error for a refusal by an agent, with a hint if it is about credentials."""
    if error.status in (_UNAUTHORIZED, _FORBIDDEN):
        what += "; it requires credentials that this scheduler lacks, see --mesos-agent-authentication-principal"
    return InsideError(Why.UNABLE, f"{agent_named(run)} {what}: {error}")


def _name_in(container_id: Json, pod: str) -> str | None:
    """The container's own id if it belongs to the pod; "" for the pod itself; None for others."""
    parent = container_id.get("parent")
    if parent is None:
        return "" if container_id["value"] == pod else None
    is_of_pod = parent["value"] == pod and "parent" not in parent
    name: str = container_id["value"]
    return name if is_of_pod else None


def _file_info(entry: Json) -> FileInfo:
    return FileInfo(
        name=entry["path"].rpartition("/")[2],
        mode=int(entry.get("mode", 0)),
        size=int(entry.get("size", 0)),
        modified=int((entry.get("mtime") or {}).get("nanoseconds", 0)) / 1e9,
        user=entry.get("uid", ""),
        group=entry.get("gid", ""),
    )


def _usage(statistics: Json) -> Usage:
    """Statistics; each isolator provides some of them."""
    cpu = [statistics[name] for name in ("cpus_user_time_secs", "cpus_system_time_secs") if name in statistics]
    return Usage(
        taken_at=float(statistics.get("timestamp", 0)),
        cpu_seconds=float(sum(cpu)) if cpu else None,
        cpus_limit=_number(statistics.get("cpus_limit")),
        memory_bytes=_whole(statistics.get("mem_rss_bytes")),
        memory_limit_bytes=_whole(statistics.get("mem_limit_bytes")),
        processes=_whole(statistics.get("processes")),
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
