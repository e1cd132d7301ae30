"""``podexec queue``: instances waiting to be launched, and why they wait."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from scheduler.cli import screen
from scheduler.cli.look import TABLE, Look, Output, Utc, View, Watch, look_of
from scheduler.cli.look import show as show_view
from scheduler.cli.options import DEFAULT_URL, Json, PodId, Url
from scheduler.cli.output import client_of
from scheduler.core.views.extras import KEY

if TYPE_CHECKING:
    from scheduler.cli.client import Client

app = typer.Typer(name="queue", help="Show instances waiting to be launched, and why.", no_args_is_help=True)


@app.command(name="list")
def list_queue(
    form: Output = TABLE,
    watch: Watch = False,
    utc: Utc = False,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """List the pods with instances waiting for an offer, why they wait, and how close the best agent came."""
    show_view(url, look_of(form, as_json, utc), queue_view, watch=watch)


def queue_view(client: "Client") -> View:
    """The pods that wait."""
    queue, reason = client.queue(), client.info().get(KEY, {}).get("onHold")

    def draw(look: Look) -> Iterator[screen.Part]:
        from scheduler.cli import tables

        if reason is not None:
            yield f"Nothing is launched yet: {reason}."
        else:
            yield tables.queue(queue, look) if queue else "No instance is waiting."

    return View(queue, sorted(each["pod"]["id"] for each in queue), draw)


@app.command(name="reset-delay")
def reset_delay(pod_id: PodId, url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """Clear a pod's launch back-off, so that its launch is retried now."""
    with client_of(url) as client:
        client.reset_delay(pod_id)
    if as_json:
        screen.print_json({"id": pod_id})
    else:
        screen.say(f"Pod {pod_id} will be launched as soon as an offer fits.")
