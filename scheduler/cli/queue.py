"""``podexec queue``: what waits to be launched, and why."""

import typer

from scheduler.cli import screen
from scheduler.cli.options import DEFAULT_URL, Json, PodId, Url
from scheduler.cli.output import client_of
from scheduler.core.views.extras import KEY

app = typer.Typer(name="queue", help="See what waits to be launched, and why.", no_args_is_help=True)


@app.command(name="list")
def list_queue(url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """List what waits for an offer, why it still waits, and how near the best agent came."""
    with client_of(url) as client:
        queue, reason = client.queue(), client.info().get(KEY, {}).get("onHold")
    if as_json:
        screen.print_json(queue)
    elif reason is not None:
        screen.say(f"Nothing is launched yet: {reason}.")
    elif not queue:
        screen.say("Nothing waits.")
    else:
        from scheduler.cli import tables

        screen.show(tables.queue(queue))


@app.command(name="reset-delay")
def reset_delay(pod_id: PodId, url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """Launch what waits of a pod without waiting for its back-off."""
    with client_of(url) as client:
        client.reset_delay(pod_id)
    if as_json:
        screen.print_json({"id": pod_id})
    else:
        screen.say(f"Pod {pod_id} is launched as soon as an offer fits.")
