"""``podexec leader``: which of several schedulers leads, and making it abdicate."""

from typing import TYPE_CHECKING

import typer

from scheduler.cli import screen
from scheduler.cli.errors import CommandError
from scheduler.cli.look import TABLE, Look, Output, View, Watch, look_of
from scheduler.cli.look import show as show_view
from scheduler.cli.options import DEFAULT_URL, Json, Url, Yes
from scheduler.cli.output import client_of, require_confirmation
from scheduler.core.views.extras import KEY

if TYPE_CHECKING:
    from scheduler.cli.client import Client

app = typer.Typer(name="leader", help="Show which scheduler leads, or make it abdicate.", no_args_is_help=True)


@app.command()
def show(form: Output = TABLE, watch: Watch = False, url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """Show the leader, and the standbys in the order in which they would lead."""
    show_view(url, look_of(form, as_json), _leader, watch=watch)


def _leader(client: "Client") -> View:
    leader, info = client.leader(), client.info()
    others = [each["url"] for each in info.get(KEY, {}).get("schedulers", []) if not each["elected"]]

    def draw(_look: Look) -> list[str]:
        if leader is None:
            raise CommandError(
                "no scheduler leads", advice="One is elected once ZooKeeper can be reached: see the schedulers' logs."
            )
        return [f"leader   {leader}", *(f"standby  {each}" for each in others)]

    return View({"leader": leader, "standbys": others}, [leader] if leader else [], draw)


@app.command()
def abdicate(url: Url = DEFAULT_URL, yes: Yes = False, as_json: Json = False) -> None:
    """Make the leader give up its lead to a standby. Without --ha the scheduler ends; its pods keep running."""
    require_confirmation(yes, "make the leader abdicate", "Make the leader abdicate?")
    with client_of(url) as client:
        leader = client.leader()
        client.abdicate()
    if as_json:
        screen.print_json({"abdicated": leader})
    else:
        screen.say(f"{leader or 'The leader'} has abdicated.")
