"""The commands that look inside containers, and their options."""

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli import screen
from scheduler.cli.errors import CommandError
from scheduler.cli.options import DEFAULT_URL, Json, PodId, Url

if TYPE_CHECKING:
    from scheduler.cli.inside.client import InsideClient

_INTERVAL = 1.0  # seconds between two measurements

Container = Annotated[str | None, typer.Option("--container", "-c", help="The container's name.", metavar="NAME")]
InstanceId = Annotated[
    str | None, typer.Option("--instance", help="An instance's id, or the first characters of its UUID.", metavar="ID")
]

Executor = Annotated[
    bool, typer.Option("--executor", help="Use the pod's executor, which runs the containers, instead of a container.")
]


def logs(
    pod_id: PodId,
    container: Container = None,
    instance: InstanceId = None,
    executor: Executor = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing new lines.")] = False,
    previous: Annotated[bool, typer.Option("--previous", "-p", help="Show the previous run of the container.")] = False,
    tail: Annotated[
        int | None,
        typer.Option("--tail", "-n", help="Start with at most this many past lines of each container.", min=0),
    ] = None,
    stream: Annotated[str, typer.Option("--stream", help="Which output to print: stdout, stderr or both.")] = "both",
    plain: Annotated[bool, typer.Option("--plain", help="Print lines without the instance and container.")] = False,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Print the output of a pod's containers, or of its executors, merged over all instances."""
    from scheduler.cli.inside.lines import print_logs

    query = _query(container, instance, executor=executor) | {"stream": stream}
    query |= {name: "true" for name, given in (("follow", follow), ("previous", previous)) if given}
    query |= {} if tail is None else {"tail": str(tail)}
    with _client(url) as client:
        records = client.logs(pod_id, query)
        if as_json:
            failed = False
            for record in records:
                screen.data(json.dumps(record))
                failed = failed or record.get("event") == "failed"
        else:
            failed = not print_logs(records, prefixed=not plain)
    if failed:
        raise typer.Exit(1)


def exec_(
    pod_id: PodId,
    command: Annotated[list[str], typer.Argument(metavar="-- CMD…", help="The program and its arguments.")],
    container: Container = None,
    instance: InstanceId = None,
    interactive: Annotated[
        bool, typer.Option("--interactive", "-i", help="Pass standard input to the command.")
    ] = False,
    terminal: Annotated[
        bool, typer.Option("--tty", "-t", help="Run the command in a terminal of the same size as this one.")
    ] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Run a command in a container, and exit with its exit code."""
    from scheduler.cli.inside.terminal import execute

    with _client(url) as client:
        code = execute(client, pod_id, _query(container, instance), command, interactive=interactive, terminal=terminal)
    raise typer.Exit(code)


def top(
    pod_id: PodId,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Refresh until Ctrl-C.")] = False,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Show the CPU and memory usage of a pod's containers next to what they requested."""
    from scheduler.cli.inside.top import table

    with _client(url) as client:
        before = client.usage(pod_id)
        if as_json:
            screen.print_json(before)
            return
        while True:
            time.sleep(_INTERVAL)
            now = client.usage(pod_id)
            if watch:
                screen.clear()
            screen.show(table(before, now))
            if not watch:
                return
            before = now


def cp(
    source: Annotated[str, typer.Argument(metavar="SRC", help="A local path, or ID:PATH in a container.")],
    target: Annotated[str, typer.Argument(metavar="DST", help="ID:PATH in a container, or a local path.")],
    container: Container = None,
    instance: InstanceId = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Copy a file or directory into or out of a container."""
    from scheduler.cli.inside.copying import copy

    with _client(url) as client:
        copy(client, source, target, _query(container, instance))


def files(
    pod_id: PodId,
    path: Annotated[str, typer.Argument(metavar="[PATH]", help="Path in the sandbox.")] = "",
    container: Container = None,
    instance: InstanceId = None,
    executor: Executor = False,
    read: Annotated[bool, typer.Option("--read", help="Print the file instead of listing a directory.")] = False,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
) -> None:
    """List the files of a container's or executor's sandbox, or print one; also works after it has ended."""
    query = _query(container, instance, executor=executor) | {"path": path}
    with _client(url) as client:
        if read:
            if not path:
                raise CommandError("--read needs the PATH of a file", code=2)
            screen.pass_on(client.read_file(pod_id, query))
            return
        found = client.files(pod_id, query)
    if as_json:
        screen.print_json(found)
        return
    for each in found:
        mark = "/" if each["kind"] == "directory" else ""
        who = f"{each['user']}:{each['group']}"
        screen.say(f"{each['mode']} {who:<16} {each['size']:>12} {each['modified']} {each['name']}{mark}")


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(logs)
    app.command(name="exec")(exec_)
    app.command()(top)
    app.command()(cp)
    app.command()(files)


def _client(url: str) -> "InsideClient":
    from scheduler.cli.inside.client import InsideClient

    return InsideClient(url)


def _query(container: str | None, instance: str | None, *, executor: bool = False) -> dict[str, str]:
    if executor and container is not None:
        raise CommandError("--executor and --container cannot be combined", code=2)
    given = {"container": container, "instance": instance, "executor": "true" if executor else None}
    return {name: value for name, value in given.items() if value is not None}
