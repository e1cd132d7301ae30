"""``podexec pod why``: on one page, where a pod or an instance stands, what it waits for, how it ended, what to do."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer

from scheduler.cli.ages import age
from scheduler.cli.errors import CommandError
from scheduler.cli.look import TABLE, Look, Output, View, Watch, look_of, show
from scheduler.cli.options import DEFAULT_URL, Json, Url
from scheduler.cli.story import Subject, parts
from scheduler.core.ids import container_of
from scheduler.core.views.extras import KEY
from scheduler.model.json import Json as Document

if TYPE_CHECKING:
    from scheduler.cli.inside.client import InsideClient

_MOST_INSTANCES, _MOST_ENDINGS, _MOST_LINES, _MOST_HAPPENINGS = 5, 3, 10, 5
_GOOD_ENDS = ("TASK_FINISHED", "TASK_KILLED")
_SIGNALLED = 128  # shells exit with this much more than the signal that ended their command
_DOTS = 2  # at least, in the id of a container
_NOT_EXECUTABLE, _NOT_FOUND = 126, 127
_MEMORY = re.compile(r"memory limit|out of memory|OOM", re.IGNORECASE)
_SIGNAL = re.compile(r"terminated with signal (\S.*)")


@dataclass(slots=True)
class Facts:
    """What the scheduler knows.

    Attributes:
        instance_id: None: about the whole pod.
        status: the pod's status, with extras.
        queue: the pod's entry in the launch queue.
        deployment: the running one that changes the pod.
        happenings: the last ones, newest last.
        logs: the last lines of the container that ended last.
        logs_of: that container; empty: none has ended.
    """

    pod_id: str
    instance_id: str | None
    status: Document
    queue: Document | None = None
    deployment: Document | None = None
    happenings: list[Document] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    logs_of: str = ""

    @property
    def instances(self) -> list[Document]:
        """The instances that it is about."""
        found: list[Document] = self.status.get("instances", [])
        return [each for each in found if self.instance_id in (None, each["id"])]

    @property
    def endings(self) -> list[Document]:
        """How the last runs of those ended, newest first."""
        found: list[Document] = self.status.get("terminationHistory", [])
        return [each for each in found if self.instance_id in (None, each["instanceID"])][:_MOST_ENDINGS]

    def instance_ids(self) -> list[str]:
        """The ids of all instances that are told of."""
        there = [each["id"] for each in self.instances]
        told = [each["instance"] for each in self.happenings if "instance" in each]
        return list(dict.fromkeys([*there, *(each["instanceID"] for each in self.endings), *told]))


def add_to(app: typer.Typer) -> None:
    """Add the command to ``podexec pod``."""
    app.command()(why)


def why(
    subject: Subject,
    form: Output = TABLE,
    watch: Watch = False,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Explain on one page where a pod or an instance stands, what it waits for, how it ended, and what to do next."""
    from scheduler.cli.inside.client import InsideClient

    show(url, look_of(form, as_json), lambda client: why_view(client, subject), watch=watch, connect=InsideClient)


def why_view(client: "InsideClient", subject: str) -> View:
    """The page about a pod or an instance, by the ids of its instances."""
    facts = gathered(client, *parts(subject))
    value = {
        "status": facts.status,
        "queue": facts.queue,
        "deployment": facts.deployment,
        "happenings": facts.happenings,
        "log": {"container": facts.logs_of, "lines": facts.logs},
        "next": advice(facts),
    }
    return View(value, [each["id"] for each in facts.instances], lambda look: page(facts, look))


# ------------------------------------------------------------------------------- gathering


def gathered(client: "InsideClient", pod_id: str, instance_id: str | None) -> Facts:
    """Ask the scheduler. Raises CommandError if there is no such pod or instance."""
    timeline = client.timeline(pod_id, instance_id)
    facts = Facts(timeline["id"], instance_id, client.status(pod_id))
    facts.happenings = timeline["happenings"][-_MOST_HAPPENINGS:]
    facts.queue = next((each for each in client.queue() if each["pod"]["id"] == facts.pod_id), None)
    running = client.deployments()
    facts.deployment = next((each for each in running if facts.pod_id in each["affectedPods"]), None)
    if facts.endings:
        _read_log(client, facts)
    return facts


def _read_log(client: "InsideClient", facts: Facts) -> None:
    """Read the last lines of the container that ended the last run."""
    ending = facts.endings[0]
    failed = [each for each in ending.get("containers", ()) if each["lastKnownState"] not in _GOOD_ENDS]
    container_id = (failed or ending.get("containers") or [{"containerId": ""}])[0]["containerId"]
    now = next((each for each in facts.instances if each["id"] == ending["instanceID"]), None)
    if container_id.count(".") < _DOTS:
        return
    facts.logs_of = container_of(container_id)
    if now is None:
        facts.logs = ["(its instance is gone, and its log with it)"]
        return
    query = {"instance": ending["instanceID"], "container": facts.logs_of, "tail": str(_MOST_LINES)}
    if now["status"] != "PENDING":  # it was launched again
        query["previous"] = "true"
    try:
        records = itertools.islice(client.logs(facts.pod_id, query), 4 * _MOST_LINES)
        lines = [str(each.get("line", f"({each.get('message', '')})")) for each in records]
    except CommandError as error:
        lines = [f"(not available: {error})"]
    facts.logs = lines[-_MOST_LINES:]


# ------------------------------------------------------------------------------- telling


def page(facts: Facts, look: Look) -> Iterator[str]:
    """The page, a line each."""
    now = look.now
    shown = look.ids(facts.instance_ids())
    yield from _standing(facts, now)
    for title, lines in (
        ("It waits for", list(_waiting(facts, now))),
        ("Instances that are not stable", list(_unsteady(facts, shown, now))),
        ("How the last runs ended", [_ending(each, shown, now) for each in facts.endings]),
        (f"Last lines of {facts.logs_of}'s log", facts.logs),
        ("What happened last", [_happening(each, shown, now) for each in facts.happenings]),
        ("What to do next", advice(facts)),
    ):
        if lines:
            yield ""
            yield f"{title}:"
            yield from (f"  {each}" for each in lines)


def _standing(facts: Facts, now: float) -> Iterator[str]:
    from scheduler.cli import tables

    status, spec = facts.status, facts.status["spec"]
    if facts.instance_id is None:
        since = age(status["statusSince"], now)
        yield f"{facts.pod_id} is {status['status']} for {since}: {tables.counts(status)} instances stable."
        yield f"Its version is {spec['version']}."
        return
    for each in facts.instances:
        where = f" on {each['agentHostname']}" if "agentHostname" in each else ""
        since = age(each["statusSince"], now)
        yield f"{facts.instance_id} of {facts.pod_id} is {each['status']}{where} for {since}."
    if not facts.instances:
        is_gone = any(each["what"] == "ended" for each in facts.happenings[-1:])
        stands = "is gone" if is_gone else "waits for its first launch"
        yield f"{facts.instance_id} of {facts.pod_id} {stands}."


def _waiting(facts: Facts, now: float) -> Iterator[str]:
    from scheduler.cli import tables

    yield from tables.on_hold(facts.status)
    running = facts.deployment
    if running is not None:
        yield f"deployment {running['id']}, {tables.step(running)}: {tables.actions(running)}"
    queue = facts.queue
    if queue is None:
        return
    waiting = "1 instance waits" if queue["count"] == 1 else f"{queue['count']} instances wait"
    left = queue["delay"]["timeLeftSeconds"]
    what = f"the end of the launch back-off, in {left} s" if left else "an offer that fits"
    yield f"{what}: {waiting} since {age(queue['since'], now)}"
    nearest = queue.get(KEY, {}).get("nearest", ())
    yield from (f"  {tables.reason(each)}" for each in nearest)
    if not nearest and not left:
        yield "  no offer has been received yet"


def _unsteady(facts: Facts, shown: Mapping[str, str], now: float) -> Iterator[str]:
    found = [each for each in facts.instances if each["status"] != "STABLE"]
    for each in found[:_MOST_INSTANCES]:
        where = f" on {each['agentHostname']}" if "agentHostname" in each else ""
        message = f": {each['message']}" if each.get("message") else ""
        yield f"{shown[each['id']]}: {each['status']}{where} for {age(each['statusSince'], now)}{message}"
        for container in each.get("containers", ()):
            said = "; ".join(filter(None, (container.get("message", ""), *_failing(container))))
            yield f"  {container['name']}: {container['status']}" + (f": {said}" if said else "")
    if len(found) > _MOST_INSTANCES:
        yield f"… and {len(found) - _MOST_INSTANCES} more"


def _failing(container: Document) -> list[str]:
    extras = container.get(KEY, {})
    told = [f"{each['check']}: {each['result']}" for each in extras.get("checks", ()) if not each["passed"]]
    return [*told, *([f"restarted in place {extras['restarts']} times"] if extras.get("restarts") else [])]


def _ending(ending: Document, shown: Mapping[str, str], now: float) -> str:
    ends = [each for each in ending.get("containers", ()) if each["lastKnownState"] not in _GOOD_ENDS]
    told = [f"{_name(each)}: {_how(each)}" for each in ends or ending.get("containers", ())]
    said = "; ".join(dict.fromkeys(told)) or ending.get("message", "for an unknown reason")
    return f"{age(ending.get('terminatedAt', ''), now)} ago, {shown[ending['instanceID']]}: {said}"


def _name(container: Document) -> str:
    return container_of(container["containerId"]) if container["containerId"].count(".") >= _DOTS else "a container"


def _how(container: Document) -> str:
    """How a container ended, with what its exit code or signal means."""
    end = container.get("termination", {})
    message = str(end.get("message") or container["lastKnownState"])
    code, signal = end.get("exitCode"), _SIGNAL.search(message)
    if _MEMORY.search(message):
        return f"{message} (out of memory)"
    if signal is None and isinstance(code, int) and code > _SIGNALLED:
        return f"{message} (signal {code - _SIGNALLED})"
    return message


def _happening(each: Document, shown: Mapping[str, str], now: float) -> str:
    instance = [shown[each["instance"]]] if "instance" in each else []
    about = ", ".join([*instance, *([each["container"]] if "container" in each else [])])
    cause = f": {each['cause']}" if "cause" in each else ""
    times = f", {each['times']} times" if "times" in each else ""
    return f"{age(each['at'], now)} ago: {each['what']}{f' ({about})' if about else ''}{times}{cause}"


# -------------------------------------------------------------------------------- advice


def advice(facts: Facts) -> list[str]:
    """What to do next, most specific first."""
    told = [*_advice_on_waiting(facts), *_advice_on_ends(facts)]
    if any(_failing(container) for each in facts.instances for container in each.get("containers", ())):
        told.append(f"Look at the failing checks, and at what the container does: podexec pod logs {facts.pod_id}")
    if facts.deployment is not None and told:
        told.append(f"To return to the previous version: podexec deployment rollback {facts.deployment['id']}")
    if facts.status["status"] == "STABLE" and not told:
        told.append("Nothing: all instances are stable.")
    subject = facts.instance_id or facts.pod_id
    return [*dict.fromkeys(told), f"For everything that happened: podexec pod timeline {subject}"]


def _advice_on_waiting(facts: Facts) -> Iterator[str]:
    if facts.deployment is not None and facts.deployment.get(KEY, {}).get("paused"):
        yield f"The deployment is paused; to resume it: podexec deployment resume {facts.deployment['id']}"
    if facts.queue is None:
        return
    if facts.queue["delay"]["timeLeftSeconds"]:
        yield f"To launch without waiting, once the cause is fixed: podexec queue reset-delay {facts.pod_id}"
    reasons = {each["reason"] for each in facts.queue.get(KEY, {}).get("nearest", ())}
    if "UnfulfilledConstraint" in reasons:
        yield "Loosen scheduling.placement.constraints, or add agents that satisfy them."
    if "UnfulfilledRole" in reasons:
        yield "Check the pod's role: no agent offers resources to it."
    if any(each.startswith("Insufficient") for each in reasons):
        yield "Ask for less, scale other pods down, or add agents: no agent has enough left."


def _advice_on_ends(facts: Facts) -> Iterator[str]:
    for ending in facts.endings[:1]:
        for each in ending.get("containers", ()):
            end = each.get("termination", {})
            if each["lastKnownState"] in _GOOD_ENDS:
                continue
            if _MEMORY.search(end.get("message", "")):
                yield f"Give {_name(each)} more memory (resources.mem), or have it use less."
            elif end.get("exitCode") in (_NOT_EXECUTABLE, _NOT_FOUND):
                yield f"Check the command of {_name(each)} and its image: it was not found, or cannot be executed."
            elif end.get("exitCode"):
                yield f"{_name(each)} exited by itself: its log says why: podexec pod logs {facts.pod_id} --previous"
