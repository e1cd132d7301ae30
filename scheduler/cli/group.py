"""``podexec group``: pods by path."""

from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli import screen
from scheduler.cli.look import TABLE, Output, Utc, View, Watch, look_of
from scheduler.cli.look import show as show_view
from scheduler.cli.options import DEFAULT_URL, Deadline, ForceRemoval, Json, Timeout, Url, WaitForEnd, Yes
from scheduler.cli.output import client_of, require_confirmation

if TYPE_CHECKING:
    from scheduler.cli.client import Client

app = typer.Typer(name="group", help="List and remove pods by path.", no_args_is_help=True)

GroupId = Annotated[str, typer.Argument(metavar="ID", help="The group's path, with or without the leading slash.")]


@app.command(name="list")
def list_groups(
    group_id: Annotated[str, typer.Argument(metavar="[ID]", help="List only pods below this path.")] = "/",
    form: Output = TABLE,
    watch: Watch = False,
    utc: Utc = False,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """List groups and their pods."""

    def fetch(client: "Client") -> View:
        from scheduler.cli import tables

        group = client.group(group_id)
        ids = [each["id"] for each in tables.below(group) if "spec" in each]
        return View(group, ids, lambda look: [tables.group(group, look)])

    show_view(url, look_of(form, as_json, utc), fetch, watch=watch)


@app.command()
def remove(
    group_id: GroupId,
    yes: Yes = False,
    wait: WaitForEnd = False,
    timeout: Timeout = 300.0,
    force: ForceRemoval = False,
    deadline: Deadline = None,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Remove every pod below a path. Pods that others depend on end last."""
    from scheduler.cli.client import WriteOptions

    require_confirmation(yes, f"remove all of {group_id}", f"Remove every pod below {group_id} and end its instances?")
    with client_of(url) as client:
        accepted = client.remove_group(group_id, WriteOptions(force=force, deadline=deadline))
        if as_json:
            screen.print_json({"deploymentId": accepted.deployment_id})
        else:
            screen.say(f"Group {group_id} is removed; its pods are ending (deployment {accepted.deployment_id}).")
        if wait:
            from scheduler.cli import waiting

            waiting.for_end(client, accepted.deployment_id, timeout)
