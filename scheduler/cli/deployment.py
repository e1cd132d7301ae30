"""``podexec deployment``: list, watch, pause and cancel running deployments."""

from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli import completion, screen
from scheduler.cli.look import TABLE, Output, Utc, View, Watch, look_of
from scheduler.cli.look import show as show_view
from scheduler.cli.options import DEFAULT_URL, Json, Timeout, Url
from scheduler.cli.output import client_of

if TYPE_CHECKING:
    from scheduler.cli.client import Client

app = typer.Typer(name="deployment", help="List, watch, pause and cancel running deployments.", no_args_is_help=True)

DeploymentId = Annotated[
    str, typer.Argument(metavar="ID", help="The deployment's id.", autocompletion=completion.deployment_ids)
]


@app.command(name="list")
def list_deployments(
    form: Output = TABLE,
    watch: Watch = False,
    utc: Utc = False,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """List the running deployments."""
    show_view(url, look_of(form, as_json, utc), deployments_view, watch=watch)


def deployments_view(client: "Client") -> View:
    """The running deployments."""
    from scheduler.cli import tables

    found = client.deployments()
    names = [each["id"] for each in found]
    return View(found, names, lambda look: [tables.deployments(found, look) if found else "No deployment is running."])


@app.command()
def show(
    deployment_id: DeploymentId,
    form: Output = TABLE,
    watch: Watch = False,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Show a deployment's steps and its progress."""

    def fetch(client: "Client") -> View:
        from scheduler.cli import tables

        found = client.deployment(deployment_id)
        return View(found, [found["id"]], lambda look: tables.deployment(found))

    show_view(url, look_of(form, as_json), fetch, watch=watch)


@app.command()
def stop(deployment_id: DeploymentId, url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """Cancel a deployment. Changes already made are kept."""
    with client_of(url) as client:
        client.stop(deployment_id)
    if as_json:
        screen.print_json({"deploymentId": deployment_id})
    else:
        screen.say(f"Deployment {deployment_id} is cancelled; changes already made are kept.")


@app.command()
def rollback(deployment_id: DeploymentId, url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """Cancel a deployment and restore the previous version of its pods."""
    with client_of(url) as client:
        started = client.rollback(deployment_id)
    if as_json:
        screen.print_json(started)
    else:
        screen.say(f"Deployment {deployment_id} is being rolled back (deployment {started['deploymentId']}).")


@app.command()
def pause(deployment_id: DeploymentId, url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """Pause a deployment."""
    with client_of(url) as client:
        paused = client.pause(deployment_id)
    if as_json:
        screen.print_json(paused)
    else:
        screen.say(f"Deployment {deployment_id} is paused. To resume it: podexec deployment resume {deployment_id}")


@app.command()
def resume(deployment_id: DeploymentId, url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """Resume a paused deployment."""
    with client_of(url) as client:
        resumed = client.resume(deployment_id)
    if as_json:
        screen.print_json(resumed)
    else:
        screen.say(f"Deployment {deployment_id} is resumed.")


@app.command()
def watch(deployment_id: DeploymentId, timeout: Timeout = 300.0, url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """Watch a deployment until it ends. The exit code is 1 if it fails, is rolled back or takes too long."""
    from scheduler.cli import waiting

    with client_of(url) as client:
        end = waiting.for_deployment(client, deployment_id, timeout)
    if as_json:
        screen.print_json(end.data)
    else:
        screen.say(f"Deployment {deployment_id} is done.")
