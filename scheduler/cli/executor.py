"""What ``--executor`` may be, and how agents start the executor that it names."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

import typer

from scheduler.core.settings import ExecutorCommand
from scheduler.model.json import Json

# Mesos' own executor, or one in its place; and podexec's, which the scheduler serves to the agents.
DEFAULT, AUTO = "default", "auto"
_OPTION = "--executor"
_SHELL, _TOOLS = "/bin/sh", "/usr/bin:/bin"
_ELF = b"\x7fELF"


@dataclass(frozen=True, slots=True)
class Program:
    """podexec's executor, as an agent gets it.

    Attributes:
        place: a path on every agent, or a URI that agents fetch.
        is_static: whether it needs no Python; otherwise it is a zipapp.
        sha256: of the file, in hexadecimal; None: it is not known. If it is, agents check what they have fetched.
    """

    place: str
    is_static: bool
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class CheckedUri:
    """A URI, and the SHA-256 in hexadecimal that its file must have."""

    uri: str
    sha256: str


def is_static(start: bytes) -> bool:
    """Whether a file that starts like this is an executable, not a zipapp."""
    return start.startswith(_ELF)


def checked_uri(executor: str) -> CheckedUri | None:
    """The parts of ``URI#sha256=HEX``; None for any other value. Raises typer.BadParameter if it is malformed."""
    uri, fragment = urldefrag(executor)
    if "://" not in uri or not fragment:
        return None
    if not re.fullmatch("sha256=[0-9a-fA-F]{64}", fragment):
        raise typer.BadParameter(
            f"{fragment!r} is not the checksum of a file; write {uri}#sha256= and 64 hexadecimal digits "
            "(sha256sum FILE)",
            param_hint=_OPTION,
        )
    if urlsplit(uri).scheme not in ("http", "https"):
        raise typer.BadParameter(
            f"only an http or https URI, which the scheduler can fetch, can have a checksum; {uri} is not one",
            param_hint=_OPTION,
        )
    return CheckedUri(uri, fragment.partition("=")[2].lower())


def executor_for(executor: str, python: str, log_level: str) -> ExecutorCommand:
    """The command for a value of ``--executor``. Raises typer.BadParameter.

    For ``auto`` and a URI with a checksum it is preliminary: only a running scheduler knows the file
    (scheduler/cli/executor_file.py).
    """
    if executor == DEFAULT:
        return ExecutorCommand(command=None)
    checked = checked_uri(executor)
    if checked is not None or executor == AUTO:
        program = Program(executor if checked is None else checked.uri, is_static=True)
    elif "://" in executor:
        program = Program(executor, is_static=False)
    else:
        program = _file(executor)
    return command_for(program, python, log_level)


def command_for(program: Program, python: str, log_level: str) -> ExecutorCommand:
    """The command with which an agent starts a program; ``python`` runs it if it is a zipapp."""
    from podexec.wire import EXECUTOR_ENVIRONMENT, LOG_LEVELS, ExecutorData, executor_command

    path, uris = program.place, []
    if "://" in path:
        uris = [{"value": path, "extract": False, "executable": program.is_static, "cache": True}]
        path = urlsplit(path).path.rpartition("/")[2]
    command: Json = {
        "environment": {"variables": [{"name": name, "value": value} for name, value in EXECUTOR_ENVIRONMENT.items()]},
        **({"uris": uris} if uris else {}),
    }
    # A fetched file is in the working directory.
    started = f"./{path}" if uris else path
    check = _check(started, program.sha256) if uris and program.sha256 is not None else None
    if not program.is_static:
        command |= {"shell": True, "value": f"{check or ''}{executor_command(python, path)}"}
    elif check is None:
        # Without a shell: Mesos would look for it in the agent's PATH.
        command |= {"shell": False, "value": started, "arguments": [started]}
    else:
        command |= {"shell": False, "value": _SHELL, "arguments": ["sh", "-c", f"{check}exec {shlex.quote(started)}"]}
    level = log_level if log_level in LOG_LEVELS else "error"
    return ExecutorCommand(command=command, data=ExecutorData(log_level=level).encode())


def _check(file: str, sha256: str) -> str:
    """Shell text that ends the shell, and says why, unless a file has this checksum.

    Mesos' fetcher checks nothing: somebody between the scheduler's check and the agent could send another file.
    """
    other = "podexec: the executor that was fetched is not the one that the scheduler expects: its SHA-256 is"
    unknown = "podexec: the executor that was fetched cannot be checked: sha256sum does not work on this agent"
    return (
        # The executor's PATH, an option of the agent, need not have them. openssl takes a third of the CPU time.
        f"found=$(PATH={_TOOLS}${{PATH:+:$PATH}}; "
        f"{{ openssl dgst -sha256 -r 2>/dev/null || sha256sum; }} <{shlex.quote(file)}); found=${{found%% *}}; "
        f"[ -n \"$found\" ] || {{ echo '{unknown}' >&2; exit 127; }}; "
        f'[ "$found" = {sha256} ] || {{ echo "{other} $found, not {sha256}" >&2; exit 126; }}; '
    )


def _file(executor: str) -> Program:
    path = Path(executor).absolute()
    try:
        with path.open("rb") as file:
            return Program(str(path), is_static(file.read(len(_ELF))))
    except FileNotFoundError:
        build = f"python -P -m podexec.zipapp --output {shlex.quote(str(path))}"
        raise typer.BadParameter(f"there is no file {path}; build it with: {build}", param_hint=_OPTION) from None
    except OSError as error:
        raise typer.BadParameter(f"cannot read {path}: {error.strerror}", param_hint=_OPTION) from error
