"""Waits for a change to complete, and reports progress on stderr."""

import time
from typing import TYPE_CHECKING

from scheduler.cli import screen
from scheduler.cli.errors import CommandError
from scheduler.core.views.extras import KEY
from scheduler.model.json import Json

if TYPE_CHECKING:
    from scheduler.cli.client import Client
    from scheduler.cli.stream import Event

_POLL = 0.5
_SUCCESS, _FAILURE = "deployment_success", "deployment_failed"
_OUTCOME_SECONDS = 5.0  # within which the stream should have reported how a deployment ended
_STEADY, _STEADY_AFTER_AN_END = 7, 21  # consecutive polls of a stable pod before it counts as stable: 3 s, 10 s


class _Progress:
    """Prints progress when it changes, until the time is up."""

    def __init__(self, timeout: float, advice: str) -> None:
        self._deadline = time.monotonic() + timeout
        self._advice = advice
        self._told = ""

    def tell(self, line: str) -> None:
        """Print the current progress, if it has changed."""
        if line != self._told:
            screen.tell(line)
            self._told = line

    @property
    def is_over(self) -> bool:
        """Whether there is no time for another poll."""
        return time.monotonic() + _POLL > self._deadline

    def pause(self) -> None:
        """Wait until the next poll. Raises CommandError if the time would be up before."""
        if self.is_over:
            raise CommandError(f"timed out; last seen: {self._told}", advice=self._advice)
        time.sleep(_POLL)


class _Endings:
    """Notices instances started since a change that keep ending: relaunched or restarted in place."""

    def __init__(self, client: "Client", pod_id: str, version: str) -> None:
        self._client = client
        self._pod_id = pod_id
        self._version = version
        self._seen: tuple[str, int] | None = None
        self.text = ""

    def look(self, status: Json) -> bool:
        """Whether one ended since the last poll; ``text`` then says how, and when the next try is."""
        ended = [each for each in status.get("terminationHistory", ()) if each["startedAt"] >= self._version]
        restarted = restarts(status)
        seen = (ended[0]["terminatedAt"] if ended else "", restarted)
        before, self._seen = self._seen or ("", restarted), seen
        if seen == before:
            return False
        if ended:
            self.text = f"; it keeps ending: {cause(ended[0])}{self._next_try()}"
        else:
            self.text = f"; it keeps ending: its containers were restarted {restarted} times"
        return True

    def _next_try(self) -> str:
        left = [each["delay"]["timeLeftSeconds"] for each in self._client.queue() if each["pod"]["id"] == self._pod_id]
        return f"; next try in {left[0]} s" if left and left[0] else ""


def for_pod(client: "Client", pod_id: str, version: str, deployment_id: str, timeout: float) -> None:
    """Return when the deployment of a pod's version is done and the pod stays stable.

    Raises CommandError if it was rolled back or superseded, or on timeout.
    """
    progress = _Progress(timeout, f"The deployment continues; to see it: podexec pod show {pod_id}")
    endings, looks = _Endings(client, pod_id, version), 0
    while True:
        under_way = find(client, deployment_id) is not None  # before the status, which must be newer
        status = status_of(client, pod_id)
        if status is None or status["spec"]["version"] != version:
            raise CommandError(
                f"{pod_id} no longer has the requested version: it was rolled back or changed again",
                advice="To see why: podexec events --since 0 --type deployment_failed",
            )
        has_ended = endings.look(status)
        progress.tell(f"{pod_line(status)}{endings.text}" if endings.text else pod_line(status, with_past=True))
        is_stable = not under_way and status["status"] == "STABLE"
        looks = looks + 1 if is_stable and not has_ended else 0
        if looks >= (_STEADY_AFTER_AN_END if endings.text else _STEADY):
            return
        if is_stable and not endings.text and progress.is_over:
            return
        progress.pause()


def for_end(client: "Client", deployment_id: str, timeout: float) -> None:
    """Return when a deployment that removes pods is done: their instances have ended, and their ids are free.

    Raises CommandError if it failed, or on timeout.
    """
    for_deployment(client, deployment_id, timeout, must_exist=False)


def for_deployment(client: "Client", deployment_id: str, timeout: float, *, must_exist: bool = True) -> "Event":
    """Return how a deployment ended, when it is done. ``must_exist``: it must be running now.

    Raises CommandError if it failed, or on timeout.
    """
    progress = _Progress(timeout, f"The deployment continues; to see it: podexec deployment show {deployment_id}")
    deployment = client.deployment(deployment_id) if must_exist else find(client, deployment_id)
    while deployment is not None:
        progress.tell(_deployment_line(client, deployment))
        progress.pause()
        deployment = find(client, deployment_id)
    return _outcome(client, deployment_id)


def find(client: "Client", deployment_id: str) -> Json | None:
    """A running deployment; None: it is no longer running."""
    from scheduler.cli.client import ChangeRefusedError

    try:
        return client.deployment(deployment_id)
    except ChangeRefusedError as error:
        if error.status == 404:
            return None
        raise


def status_of(client: "Client", pod_id: str) -> Json | None:
    from scheduler.cli.client import ChangeRefusedError

    try:
        return client.status(pod_id)
    except ChangeRefusedError as error:
        if error.status == 404:
            return None
        raise


def _outcome(client: "Client", deployment_id: str) -> "Event":
    """The event that reported the deployment's end."""
    for event in client.events((_SUCCESS, _FAILURE), since=0, patience=_OUTCOME_SECONDS):
        if event.data["id"] != deployment_id:
            continue
        if event.kind == _FAILURE:
            raise CommandError(f"deployment {deployment_id} failed: {event.data['reason']}")
        return event
    raise CommandError(
        f"deployment {deployment_id} is no longer running, and the event that says how it ended is no longer stored",
        advice="Check its pods: podexec pod list",
    )


def pod_line(status: Json, *, with_past: bool = False) -> str:
    """A pod's progress, and how an instance ended before, if one did."""
    from scheduler.cli import tables

    line = f"{status['id']}: {status['status']}, {tables.counts(status)} instances stable"
    history = status.get("terminationHistory", ()) if with_past else ()
    causes = [ending["message"] for ending in history if "message" in ending]
    line = f"{line} (the last ended: {causes[0]})" if causes else line
    return "; ".join([line, *tables.on_hold(status), *tables.failing(status)])


def restarts(status: Json) -> int:
    """How many times containers of its instances were restarted in place."""
    containers = [each for instance in status.get("instances", ()) for each in instance.get("containers", ())]
    return sum(each.get(KEY, {}).get("restarts", 0) for each in containers)


def cause(ending: Json) -> str:
    """How an instance ended."""
    told = [each.get("termination", {}).get("message") for each in ending.get("containers", ())]
    return ending.get("message") or "; ".join(dict.fromkeys(filter(None, told))) or "for an unknown reason"


def _deployment_line(client: "Client", deployment: Json) -> str:
    """A deployment's progress."""
    from scheduler.cli import tables

    line = f"{tables.step(deployment)}: {tables.actions(deployment)}"
    found = [status_of(client, action["pod"]) for action in deployment["currentActions"]]
    statuses = [status for status in found if status is not None]
    counts = [f"{status['id']} {tables.counts(status)} stable" for status in statuses]
    extras = [action.get(KEY, {}) for action in deployment["currentActions"]]
    counts += [_ending(each) for extra in extras for each in extra.get("ending", ())]
    line = f"{line} ({', '.join(counts)})" if counts else line
    hanging = [f"{each['id']}: {each['message']}" for extra in extras for each in extra.get("notEnding", ())]
    held = tables.on_hold(client.info())  # a pod that is being removed has no status
    return "; ".join([line, *held, *hanging, *(each for status in statuses for each in tables.failing(status))])


def _ending(instance: Json) -> str:
    where = f" on {instance['agent']}" if "agent" in instance else ""
    return f"{instance['instance']}{where} has not ended yet"
