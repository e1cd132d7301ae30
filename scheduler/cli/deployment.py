"""``podexec deployment``: list, watch, pause and cancel running deployments."""

from typing import Annotated

import typer

from scheduler.cli import screen
from scheduler.cli.options import DEFAULT_URL, Json, Timeout, Url
from scheduler.cli.output import client_of

app = typer.Typer(name="deployment", help="List, watch, pause and cancel running deployments.", no_args_is_help=True)

DeploymentId = Annotated[str, typer.Argument(metavar="ID", help="The deployment's id.")]


@app.command(name="list")
def list_deployments(url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """List the running deployments."""
    with client_of(url) as client:
        deployments = client.deployments()
    if as_json:
        screen.print_json(deployments)
    elif not deployments:
        screen.say("No deployment is running.")
    else:
        from scheduler.cli import tables

        screen.show(tables.deployments(deployments))


@app.command()
def show(deployment_id: DeploymentId, url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """Show a deployment's steps and its progress."""
    with client_of(url) as client:
        deployment = client.deployment(deployment_id)
    if as_json:
        screen.print_json(deployment)
        return
    from scheduler.cli import tables

    screen.show(*tables.deployment(deployment))


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
