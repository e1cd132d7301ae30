"""``podexec queue``: instances waiting to be launched, and why they wait."""

import typer

from scheduler.cli import screen
from scheduler.cli.options import DEFAULT_URL, Json, PodId, Url
from scheduler.cli.output import client_of
from scheduler.core.views.extras import KEY

app = typer.Typer(name="queue", help="Show instances waiting to be launched, and why.", no_args_is_help=True)


@app.command(name="list")
def list_queue(url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """List the pods with instances waiting for an offer, why they wait, and how close the best agent came."""
    with client_of(url) as client:
        queue, reason = client.queue(), client.info().get(KEY, {}).get("onHold")
    if as_json:
        screen.print_json(queue)
    elif reason is not None:
        screen.say(f"Nothing is launched yet: {reason}.")
    elif not queue:
        screen.say("No instance is waiting.")
    else:
        from scheduler.cli import tables

        screen.show(tables.queue(queue))


@app.command(name="reset-delay")
def reset_delay(pod_id: PodId, url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """Clear a pod's launch back-off, so that its launch is retried now."""
    with client_of(url) as client:
        client.reset_delay(pod_id)
    if as_json:
        screen.print_json({"id": pod_id})
    else:
        screen.say(f"Pod {pod_id} will be launched as soon as an offer fits.")
