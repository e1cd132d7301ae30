"""``podexec up`` and ``podexec down``: a local Mesos, the scheduler on it and an example pod, all in one.

Everything belongs to the local cluster: the scheduler keeps its store and log in the cluster's folder, and ends with
the cluster, even if this command crashes.
"""

import ipaddress
import json
import os
import shlex
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli import screen
from scheduler.cli.errors import CommandError
from scheduler.cli.local_options import DEFAULT_NAME, Agents, AllowedUsers, Level, Name, Registry, local_cluster
from scheduler.cli.options import DEFAULT_URL, option, variable_of
from scheduler.core.views.extras import KEY
from scheduler.model.json import Json

if TYPE_CHECKING:
    from localmesos import Cluster
    from scheduler.cli.client import Client

_STABLE_SECONDS = 120.0
_POLL_SECONDS = 0.1
# Exists in a clone only; a wheel has no examples.
_EXAMPLE = Path(__file__).parents[2] / "examples" / "shared-volume.json"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(
    agents: Agents = 1,
    listen: Annotated[str, option("--listen", "Address the API listens on.", metavar="HOST:PORT")] = "127.0.0.1:8080",
    insecure: Annotated[
        bool, option("--insecure", "Allow plain HTTP on an address that other machines reach.")
    ] = False,
    detach: Annotated[bool, option("--detach", "Return when everything is up; 'podexec down' stops it.")] = False,
    level: Level = None,
    registry: Registry = None,
    allowed_users: AllowedUsers = None,
    name: Name = DEFAULT_NAME,
) -> None:
    """Start a local Mesos, the scheduler and an example pod; Ctrl-C stops everything."""
    from scheduler.cli.executor_file import packaged
    from scheduler.cli.local import LocalScheduler, default_executor
    from scheduler.cli.pythons import users_left_out

    _require_loopback(listen, insecure)
    port = _require_free(listen)
    with _interrupts_as_exceptions(), local_cluster(name) as cluster:
        try:
            with default_executor() as program:
                cluster.up(
                    name,
                    agents=agents,
                    level=level,
                    registry=registry,
                    default_executor=program,
                    allowed_users=allowed_users or (),
                    own_ports=() if port is None else (port,),
                    owner_pid=os.getpid(),
                    progress=screen.tell,
                )
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        kept = False
        try:
            folder = cluster.state.folder / "scheduler"  # removed with the cluster
            folder.mkdir(mode=0o700)
            if packaged() is None and (missing := users_left_out()) is not None:
                screen.tell(missing)
            screen.tell("starting the scheduler")
            scheduler = LocalScheduler(cluster, folder, cluster.default_executor, listen, insecure=insecure)
            scheduler.start()
            with scheduler.client as client:
                info = client.info()
                mesos = info[KEY]["mesos"]["version"]
                screen.tell(f"framework {info['frameworkId']} on Mesos {mesos}; the API is {client.url}")
                named = "" if name == DEFAULT_NAME else f" --name {name}"
                _show_pod(client, scheduler.log, named)
                if detach:
                    cluster.release()
                    kept = True
                    screen.tell(f"running in the background; to stop it: podexec down{named}")
                else:
                    from scheduler.cli.watch import watch

                    watch(client)
        except KeyboardInterrupt:
            pass
        finally:
            if not kept:
                _take_down(cluster)


def down(name: Name = DEFAULT_NAME) -> None:
    """Stop everything that 'podexec up' started: the scheduler, its pods and the local Mesos."""
    with local_cluster(name) as cluster:
        cluster.down(screen.tell)


@contextmanager
def _interrupts_as_exceptions() -> Iterator[None]:
    """Treat SIGTERM and a lost terminal like Ctrl-C."""
    before = {number: signal.signal(number, _interrupt) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _take_down(cluster: "Cluster") -> None:
    """Take the cluster down, ignoring signals: half a cluster left behind is worse than a moment's wait."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    cluster.down(screen.tell)


def _require_loopback(listen: str, insecure: bool) -> None:
    from scheduler.cli.api import address_of, is_loopback

    if not (insecure or is_loopback(address_of(listen)[0])):
        raise CommandError(
            f"anyone who reaches {listen} could do anything to this cluster, and the API has no TLS there",
            advice="Listen on 127.0.0.1, or pass --insecure if the network is trusted.",
            code=2,
        )


def _require_free(listen: str) -> int | None:
    """The port, if only this machine can reach it. Raises CommandError if it is not free."""
    host, _, port = listen.rpartition(":")
    try:
        with socket.create_server((host, int(port))) as server:
            address = server.getsockname()[0]
        return int(port) if ipaddress.ip_address(address).is_loopback else None
    except (OSError, ValueError, OverflowError) as error:
        raise CommandError(
            f"cannot listen on {listen}: {error}", advice="Choose another address with --listen HOST:PORT."
        ) from None


def _show_pod(client: "Client", log: Path, named: str) -> None:
    definition = json.loads(_definition().read_text())
    pod_id = definition["id"]
    client.add(definition)
    screen.tell(f"pod {pod_id} is accepted")
    told_last = ""
    deadline = time.monotonic() + _STABLE_SECONDS
    while (status := client.status(pod_id))["status"] != "STABLE":
        line = _describe(status)
        if line != told_last:
            screen.tell(f"  {line}")
            told_last = line
        if time.monotonic() > deadline:
            raise CommandError(f"pod {pod_id} is not STABLE after {_STABLE_SECONDS:g} s ({line}); see {log}")
        time.sleep(_POLL_SECONDS)
    screen.tell(f"  {_describe(status)}")
    for line in _how_to(client, status, named):
        screen.say(line)


def _describe(status: Json) -> str:
    """One line: the pod and its containers."""
    parts = [
        f"{container['name']} {container['status'].removeprefix('TASK_').lower()}"
        for instance in status.get("instances", ())
        for container in instance.get("containers", ())
    ]
    return f"{status['id']} {status['status']}" + (f": {', '.join(parts)}" if parts else "")


def _how_to(client: "Client", status: Json, named: str) -> list[str]:
    """Next steps for a newcomer; ``named``: the option that selects this cluster, if one is needed."""
    pod_id = status["id"]
    version = client.info()[KEY]["mesos"]["version"]
    pages = [
        f"http://{instance['agentHostname']}:{endpoint['allocatedHostPort']}/"
        for instance in status["instances"]
        for container in instance["containers"]
        for endpoint in container.get("endpoints", ())
        if "allocatedHostPort" in endpoint
    ]
    podexec = own_command()
    url = "" if client.url == DEFAULT_URL and not _is_another_in_use() else f" --url {client.url}"
    rows = [
        ("in a browser", f"{client.url}/ui/"),
        ("its page", ", ".join(pages)),
        ("see it", f"{podexec} pod show {pod_id}{url}"),
        ("change it", f"edit a copy of {_short(_definition())}, then: {podexec} pod update FILE{url}"),
        ("remove it", f"{podexec} pod remove {pod_id}{url}"),
        ("all pods", f"{podexec} pod list{url}"),
        ("add one", f"{podexec} pod add {_short(_EXAMPLE)}{url}" if _EXAMPLE.is_file() else ""),
        ("its Mesos", f"{podexec} cluster status{named}"),
    ]
    lines = [f"{pod_id} is STABLE: {len(status['spec']['containers'])} containers on a real Mesos {version}."]
    return lines + [f"  {label:<12} {text}" for label, text in rows if text]


def _is_another_in_use() -> bool:
    """Whether commands of this user ask another scheduler by default."""
    from scheduler.cli import contexts

    if variable_of("--url") in os.environ:
        return True
    try:
        return contexts.named(None) is not None
    except CommandError:
        return True


def _definition() -> Path:
    """The example pod's definition, in the package."""
    return Path(__file__).with_name("hello.json")


def own_command() -> str:
    """This installation's command as a word for a shell; the one on the PATH may be another's."""
    own = Path(sys.executable).with_name("podexec")
    on_path = shutil.which("podexec")
    if not own.exists() or (on_path is not None and own.samefile(on_path)):
        return "podexec"
    return _short(own)


def _short(path: Path) -> str:
    """A path as a word of a shell command, relative where that is shorter."""
    return shlex.quote(min(str(path), os.path.relpath(path), key=len))
