"""The commands that look inside containers, and their options."""

import json
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli import completion, screen
from scheduler.cli.errors import CommandError
from scheduler.cli.look import TABLE, Form, Look, Output, Utc, View, Watch, look_of, show
from scheduler.cli.options import DEFAULT_URL, Json, PodId, Url
from scheduler.model.json import Json as Object

if TYPE_CHECKING:
    from scheduler.cli.inside.client import InsideClient


class LogForm(StrEnum):
    """Forms of log lines."""

    TEXT = "text"
    JSON = "json"


_INTERVAL = 1.0  # seconds between two measurements

Container = Annotated[str | None, typer.Option("--container", "-c", help="The container's name.", metavar="NAME")]
InstanceId = Annotated[
    str | None,
    typer.Option(
        "--instance",
        help="An instance's id, or the first characters of its UUID.",
        metavar="ID",
        autocompletion=completion.instance_ids,
    ),
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
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="DURATION|TIME",
            help="Leave out lines older than this, e.g. 90s, 5m, 1h30m, 2d, 2026-01-31T12:00:00Z. Mesos stores no time "
            "for a line: podexec goes by each file's last change, and by times at the beginning of lines.",
        ),
    ] = None,
    timestamps: Annotated[
        bool,
        typer.Option(
            "--timestamps",
            help="Print when each line was written, to about a second; - for past lines, whose time is not known.",
        ),
    ] = False,
    stream: Annotated[str, typer.Option("--stream", help="Which output to print: stdout, stderr or both.")] = "both",
    plain: Annotated[bool, typer.Option("--plain", help="Print lines without the instance and container.")] = False,
    color: Annotated[bool, typer.Option("--color", help="Keep the colors of the lines, also on a terminal.")] = False,
    form: Annotated[
        LogForm, typer.Option("--output", "-o", help="text, or json: an object on each line.")
    ] = LogForm.TEXT,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Print the output of a pod's containers, or of its executors, merged over all instances."""
    from scheduler.cli.inside.lines import print_logs

    query = _query(container, instance, executor=executor) | {"stream": stream}
    query |= {name: "true" for name, given in (("follow", follow), ("previous", previous)) if given}
    query |= {} if tail is None else {"tail": str(tail)}
    query |= {"timestamps": "true"} if timestamps else {}
    with _client(url) as client:
        if since is not None:
            from scheduler.cli.durations import moment

            client.info()  # which tells the scheduler's time
            query |= {"since": moment(since, client.now(), "--since")}
        records = client.logs(pod_id, query)
        if as_json or form is LogForm.JSON:
            failed = False
            for record in records:
                screen.data(json.dumps(record))
                failed = failed or record.get("event") == "failed"
        else:
            failed = not print_logs(records, prefixed=not plain, colours=color, timed=timestamps)
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
    form: Output = TABLE,
    watch: Watch = False,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Show the CPU and memory usage of a pod's containers next to what they requested."""
    from scheduler.cli.inside.top import table

    look = look_of(form, as_json)
    measured: list[list[Object]] = []

    def fetch(client: "InsideClient") -> View:
        """CPUs are those used since the last measurement, so the first one needs another before it."""
        if not measured and look.for_people:
            measured.append(client.usage(pod_id))
            time.sleep(_INTERVAL)
        measured.append(client.usage(pod_id))
        before, now = measured[-2:] if len(measured) > 1 else (measured[0], measured[0])
        del measured[:-1]
        return View(now, [each["instance"] for each in now], lambda look: [table(before, now, look)])

    show(url, look, fetch, watch=watch, connect=_client)


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


def port_forward(
    pod_id: PodId,
    ports: Annotated[
        list[str],
        typer.Argument(
            metavar="[LOCAL:]ENDPOINT…",
            help="An endpoint's name or a port's number, and a port of this machine; default: any free one.",
        ),
    ],
    container: Container = None,
    instance: InstanceId = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Forward ports of this machine to a container, through the scheduler alone, until Ctrl-C."""
    from scheduler.cli.inside.forwarding import forward, forwards

    wanted = forwards(ports)
    try:
        with _client(url) as client:
            forward(client, pod_id, wanted, instance, container)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def files(
    pod_id: PodId,
    path: Annotated[str, typer.Argument(metavar="[PATH]", help="Path in the sandbox.")] = "",
    container: Container = None,
    instance: InstanceId = None,
    executor: Executor = False,
    read: Annotated[bool, typer.Option("--read", help="Print the file instead of listing a directory.")] = False,
    form: Output = TABLE,
    watch: Watch = False,
    utc: Utc = False,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
) -> None:
    """List the files of a container's or executor's sandbox, or print one; also works after it has ended."""
    query = _query(container, instance, executor=executor) | {"path": path}
    look = look_of(form, as_json, utc)
    if read:
        if not path:
            raise CommandError("--read needs the PATH of a file", code=2)
        if watch or look.form is not Form.TABLE:
            raise CommandError("--read cannot be combined with --watch, --output or --json", code=2)
        with _client(url) as client:
            screen.pass_on(client.read_file(pod_id, query))
        return

    def fetch(client: "InsideClient") -> View:
        found = client.files(pod_id, query)
        return View(found, [each["name"] for each in found], lambda look: [_files(found, look)])

    show(url, look, fetch, watch=watch, connect=_client)


def _files(found: list[Object], look: Look) -> screen.Grid:
    grid = screen.Grid(("MODE", "OWNER", "SIZE", look.since("AGE", "MODIFIED"), "NAME"), numbers=frozenset({"SIZE"}))
    for each in found:
        mark = "/" if each["kind"] == "directory" else ""
        owner = f"{each['user']}:{each['group']}"
        grid.add(each["mode"], owner, str(each["size"]), look.when(each["modified"]), f"{each['name']}{mark}")
    return grid


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(logs)
    app.command(name="exec")(exec_)
    app.command()(top)
    app.command()(cp)
    app.command(name="port-forward")(port_forward)
    app.command()(files)


def _client(url: str) -> "InsideClient":
    from scheduler.cli.inside.client import InsideClient

    return InsideClient(url)


def _query(container: str | None, instance: str | None, *, executor: bool = False) -> dict[str, str]:
    if executor and container is not None:
        raise CommandError("--executor and --container cannot be combined", code=2)
    given = {"container": container, "instance": instance, "executor": "true" if executor else None}
    return {name: value for name, value in given.items() if value is not None}
