"""``podexec agent``: the cluster's agents, where there is room, and what runs there."""

from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli import completion
from scheduler.cli.errors import CommandError
from scheduler.cli.look import TABLE, Output, Utc, View, Watch, look_of
from scheduler.cli.look import show as show_view
from scheduler.cli.options import DEFAULT_URL, Json, Url
from scheduler.model.json import Json as Document

if TYPE_CHECKING:
    from scheduler.cli.client import Client

app = typer.Typer(
    name="agent", help="Show the cluster's agents, where there is room, and what runs there.", no_args_is_help=True
)

AgentName = Annotated[
    str,
    typer.Argument(
        metavar="AGENT",
        help="Its host name, its id, the beginning of one, or the end of the id, such as S3.",
        autocompletion=completion.agent_names,
    ),
]
_MOST_NAMED = 10


@app.command(name="list")
def list_agents(
    form: Output = TABLE,
    watch: Watch = False,
    utc: Utc = False,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """List the agents: their state, what is free there, and how many instances they run."""
    show_view(url, look_of(form, as_json, utc), _agents, watch=watch)


def _agents(client: "Client") -> View:
    from scheduler.cli import agent_tables

    found = client.agents()
    agents = found["agents"]
    names = [each["id"] for each in agents]
    nothing = "No agent is known."
    return View(
        found, names, lambda look: [agent_tables.agents(agents, look) if agents else nothing], found["problems"]
    )


@app.command()
def show(
    agent: AgentName,
    form: Output = TABLE,
    watch: Watch = False,
    utc: Utc = False,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Show an agent: its resources and attributes, drain and maintenance, and the instances that a drain would end."""

    def fetch(client: "Client") -> View:
        from scheduler.cli import agent_tables

        found = client.agents()
        one = _named(agent, found["agents"])
        return View(one, [one["id"]], lambda look: agent_tables.agent(one, look), found["problems"])

    show_view(url, look_of(form, as_json, utc), fetch, watch=watch)


def _named(text: str, agents: list[Document]) -> Document:
    """The agent that a user means. Raises CommandError."""
    exact = [each for each in agents if text == each["id"] or text.lower() == each["hostname"].lower()]
    found = exact or [each for each in agents if text and _begins_or_ends(text, each)]
    if len(found) == 1:
        return found[0]
    if found:
        details = tuple(f"{each['id']}  {each['hostname']}" for each in found[:_MOST_NAMED])
        raise CommandError(f"{len(found)} agents match {text!r}: name one by its id", details=details, code=2)
    raise CommandError(f"there is no agent {text!r}", advice="To see them: podexec agent list")


def _begins_or_ends(text: str, agent: Document) -> bool:
    agent_id, hostname, wanted = str(agent["id"]).lower(), str(agent["hostname"]).lower(), text.lower()
    return agent_id.startswith(wanted) or hostname.startswith(wanted) or agent_id.endswith(f"-{wanted}")
