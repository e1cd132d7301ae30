"""``podexec orphan``: running tasks that the scheduler's store does not know."""

from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli import screen
from scheduler.cli.errors import CommandError
from scheduler.cli.look import TABLE, Output, Utc, View, Watch, look_of
from scheduler.cli.look import show as show_view
from scheduler.cli.options import DEFAULT_URL, Json, Url, Yes
from scheduler.cli.output import client_of, require_confirmation

if TYPE_CHECKING:
    from scheduler.cli.client import Client

app = typer.Typer(name="orphan", help="List, adopt and kill running tasks that are on no record.", no_args_is_help=True)

OrphanId = Annotated[str, typer.Argument(metavar="ORPHAN", help="Its id, as 'podexec orphan list' shows it.")]


@app.command(name="list")
def list_orphans(
    form: Output = TABLE,
    watch: Watch = False,
    utc: Utc = False,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """List running tasks that are on no record, e.g. since an old backup of the store was restored."""
    show_view(url, look_of(form, as_json, utc), _orphans, watch=watch)


def _orphans(client: "Client") -> View:
    from scheduler.cli import tables

    found = client.orphans()
    names = [each["id"] for each in found]
    return View(
        found, names, lambda look: [tables.orphans(found, look) if found else "Every running task is on record."]
    )


@app.command()
def adopt(
    orphan_id: OrphanId,
    file: Annotated[str, typer.Argument(help="JSON or YAML with the pod's definition; - for standard input.")],
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Make an orphan an instance of a pod, without a restart. A pod that does not exist is created."""
    from scheduler.cli import definitions

    with client_of(url) as client:
        documents = definitions.read(file, client.is_strict)
        if len(documents) != 1:
            raise CommandError(f"{file} has {len(documents)} definitions, but an orphan needs exactly one", code=2)
        accepted = client.adopt(orphan_id, documents[0])
    if accepted.warning:
        screen.tell(f"warning: {accepted.warning}")
    if as_json:
        screen.print_json(accepted.pod)
    else:
        screen.say(f"{orphan_id} is an instance of pod {accepted.pod['id']}.")
        screen.tell(f"To see it: podexec pod show {accepted.pod['id']}")


@app.command()
def kill(orphan_id: OrphanId, yes: Yes = False, url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """Kill an orphan."""
    require_confirmation(yes, f"kill {orphan_id}", f"Kill {orphan_id}?")
    with client_of(url) as client:
        client.kill_orphan(orphan_id)
    if as_json:
        screen.print_json({"id": orphan_id})
    else:
        screen.say(f"{orphan_id} is being killed.")
