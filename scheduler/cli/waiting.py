"""Waiting until a change has come about, and telling on standard error how far it is."""

import time
from typing import TYPE_CHECKING

from scheduler.cli import screen
from scheduler.cli.errors import CommandError
from scheduler.model.json import Json

if TYPE_CHECKING:
    from scheduler.cli.client import Client
    from scheduler.cli.stream import Event

_POLL = 0.5
_SUCCESS, _FAILURE = "deployment_success", "deployment_failed"
_OUTCOME_SECONDS = 5.0  # in which the stream should have told how a deployment ended


class _Progress:
    """Tells what is new, until there is no time left."""

    def __init__(self, timeout: float, advice: str) -> None:
        self._deadline = time.monotonic() + timeout
        self._advice = advice
        self._told = ""

    def tell(self, line: str) -> None:
        """How far it is now."""
        if line != self._told:
            screen.tell(line)
            self._told = line

    def pause(self) -> None:
        """Wait a moment. Raises CommandError when that would be too long."""
        if time.monotonic() + _POLL > self._deadline:
            raise CommandError(f"gave up waiting for {self._told}", advice=self._advice)
        time.sleep(_POLL)


def for_pod(client: "Client", pod_id: str, version: str, deployment_id: str, timeout: float) -> None:
    """Return when the deployment that makes a pod be of this version is done and the pod is stable.

    Raises CommandError where it was rolled back or overtaken, or is not done in time.
    """
    progress = _Progress(timeout, f"It goes on: podexec pod show {pod_id}")
    while True:
        under_way = find(client, deployment_id) is not None  # before the status, which must be newer
        status = _status(client, pod_id)
        if status is None or status["spec"]["version"] != version:
            raise CommandError(
                f"{pod_id} is not as asked for any more: it was rolled back, or changed by another",
                advice="How it ended is told by: podexec events --since 0 --type deployment_failed",
            )
        progress.tell(_pod_line(status))
        if not under_way and status["status"] == "STABLE":
            return
        progress.pause()


def for_deployment(client: "Client", deployment_id: str, timeout: float) -> "Event":
    """Return how a deployment that is under way ended, when it is done.

    Raises CommandError where it failed, or is not done in time.
    """
    progress = _Progress(timeout, f"It goes on: podexec deployment show {deployment_id}")
    deployment: Json | None = client.deployment(deployment_id)
    while deployment is not None:
        progress.tell(_deployment_line(client, deployment))
        progress.pause()
        deployment = find(client, deployment_id)
    return _outcome(client, deployment_id)


def find(client: "Client", deployment_id: str) -> Json | None:
    """A deployment; None: it is no more under way."""
    from scheduler.cli.client import RefusedError

    try:
        return client.deployment(deployment_id)
    except RefusedError as error:
        if error.status == 404:
            return None
        raise


def _status(client: "Client", pod_id: str) -> Json | None:
    from scheduler.cli.client import RefusedError

    try:
        return client.status(pod_id)
    except RefusedError as error:
        if error.status == 404:
            return None
        raise


def _outcome(client: "Client", deployment_id: str) -> "Event":
    """The event that told of the deployment's end."""
    for event in client.events((_SUCCESS, _FAILURE), since=0, patience=_OUTCOME_SECONDS):
        if event.data["id"] != deployment_id:
            continue
        if event.kind == _FAILURE:
            raise CommandError(f"deployment {deployment_id} failed: {event.data['reason']}")
        return event
    raise CommandError(
        f"deployment {deployment_id} is no more under way, and how it ended is not told any more",
        advice="Look at its pods: podexec pod list",
    )


def _pod_line(status: Json) -> str:
    """How far a pod is, and why not further if that is known."""
    from scheduler.cli import tables

    line = f"{status['id']}: {status['status']}, {tables.counts(status)} instances stable"
    causes = [ending["message"] for ending in status.get("terminationHistory", ()) if "message" in ending]
    return f"{line} (the last ended: {causes[0]})" if causes else line


def _deployment_line(client: "Client", deployment: Json) -> str:
    """How far a deployment is."""
    from scheduler.cli import tables

    line = f"{tables.step(deployment)}: {tables.actions(deployment)}"
    statuses = [_status(client, action["pod"]) for action in deployment["currentActions"]]
    counts = [f"{status['id']} {tables.counts(status)} stable" for status in statuses if status is not None]
    return f"{line} ({', '.join(counts)})" if counts else line
