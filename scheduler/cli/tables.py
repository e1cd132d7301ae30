"""Tables and lines that show pods, deployments and the queue to people."""

from collections import Counter
from collections.abc import Iterator, Mapping

from scheduler.cli.ages import age
from scheduler.cli.look import Look
from scheduler.cli.screen import Grid, Part, Word
from scheduler.core.views.extras import KEY
from scheduler.model.json import Json

_COLOURS = {"STABLE": "green", "DEGRADED": "red", "TERMINAL": "dim", "STAGING": "yellow", "PENDING": "yellow"}
_ENDED = ("TASK_FAILED", "TASK_ERROR", "TASK_GONE", "TASK_DROPPED")


def pods(statuses: list[Json], look: Look) -> Grid:
    """One row for each pod."""
    more = ("VERSION", "ROLE") if look.wide else (look.since("UPDATED", "VERSION"),)
    table = Grid(("POD", "STATUS", "INSTANCES", "CONTAINERS", look.since(), *more))
    for status in sorted(statuses, key=lambda status: str(status["id"])):
        spec = status["spec"]
        names = ", ".join(container["name"] for container in spec["containers"])
        others = (spec["version"], spec["role"]) if look.wide else (look.when(spec["version"]),)
        table.add(
            status["id"], word(status["status"]), counts(status), names, look.when(status["statusSince"]), *others
        )
    return table


def on_hold(found: Json) -> list[str]:
    """Why nothing is launched yet, if so; from a pod's status or the scheduler's info."""
    reason = _extras(found).get("onHold")
    return [] if reason is None else [f"on hold: {reason}"]


def counts(status: Json) -> str:
    """Stable instances out of those wanted, e.g. ``1/3``."""
    stable = sum(instance["status"] == "STABLE" for instance in status.get("instances", ()))
    return f"{stable}/{status['spec']['scaling']['instances']}"


def pod(status: Json, look: Look) -> Iterator[Part]:
    """One pod with its instances, their containers, and how the last ones ended."""
    yield status["id"], "  ", word(status["status"]), f"  {counts(status)} instances stable"
    yield f"version {status['spec']['version']}, role {status['spec']['role']}"
    yield from on_hold(status)
    ids = instance_ids(status)
    shown = look.ids(ids)
    if status.get("instances"):
        yield _instances(status, shown, look)
    else:
        yield "No instance has been launched yet."
    if status.get("terminationHistory"):
        yield _endings(status, shown, look)


def instance_ids(status: Json) -> list[str]:
    """The ids of a pod's instances, and of those that ended last."""
    there = [each["id"] for each in status.get("instances", ())]
    return list(dict.fromkeys([*there, *(each["instanceID"] for each in status.get("terminationHistory", ()))]))


def versions(kept: list[str], status: Json, look: Look) -> Grid:
    """One row for each kept version of a pod, newest first."""
    table = Grid(("VERSION", "AGE", "INSTANCES", ""))
    of_version = Counter(instance["specReference"].rpartition("/")[2] for instance in status.get("instances", ()))
    for version in reversed(kept):
        current = "current" if version == status["spec"]["version"] else ""
        table.add(version, age(version, look.now), str(of_version[version]), current)
    return table


def history(changes: list[Json], look: Look) -> Grid:
    """One row for each change of a pod, newest first."""
    columns = (look.since("AGE", "AT"), "ACTION", "USER", "FROM", "DEPLOYMENT", "OUTCOME", "VERSION")
    is_compared = any("differences" in each for each in changes)
    table = Grid((*columns, "CHANGED") if is_compared else columns)
    for each in reversed(changes):
        by = (each.get("user", ""), each.get("clientIp", ""), each.get("deploymentId", ""))
        changed = (differences(each) if "differences" in each else "",) if is_compared else ()
        table.add(look.when(each["at"]), each["action"], *by, _outcome(each, look), each["version"], *changed)
    return table


def _outcome(change: Json, look: Look) -> list[str]:
    """What became of the deployment that a change started."""
    words = change.get("outcome", "")
    when = []
    if "endedAt" in change:
        when = [f"at {change['endedAt']}" if look.utc else f"{look.when(change['endedAt'])} ago"]
    return [f"{words}: {change['failure']}" if "failure" in change else words, *when]


def differences(found: Json) -> list[str]:
    """The differences between two definitions, a line each."""
    told = [_difference(each) for each in found["differences"]]
    left_out = found.get("differencesLeftOut")
    return [*told, f"… and {left_out} more fields"] if left_out else told


def _difference(each: Json) -> str:
    if each.get("hidden"):
        return f"~ {each['path']}: changed (values of environment variables are not shown)"
    if "before" not in each:
        return f"+ {each['path']}: {each['after']}"
    if "after" not in each:
        return f"- {each['path']}: {each['before']}"
    return f"~ {each['path']}: {each['before']} -> {each['after']}"


def deployments(found: list[Json], look: Look) -> Grid:
    """One row for each deployment."""
    table = Grid(("DEPLOYMENT", "PODS", "STEP", "NOW", look.since()), cut=_cut("NOW", look))
    for each in found:
        table.add(each["id"], each["affectedPods"], step(each), actions(each), look.when(each["version"]))
    return table


def deployment(found: Json) -> Iterator[Part]:
    """One deployment with its steps."""
    yield f"{found['id']}  since {found['version']}, {step(found)}"
    extras = _extras(found)
    if "reverts" in extras:
        yield f"rolls back deployment {extras['reverts']}"
    if "batchSize" in extras:
        yield f"replaces at most {extras['batchSize']} instances of a pod at a time"
    if "deadline" in extras:
        yield f"will be rolled back unless it finishes by {extras['deadline']}"
    if "secondsToDeadline" in extras:
        yield f"after resuming, will be rolled back unless it finishes within {extras['secondsToDeadline']:g} s"
    table = Grid(("STEP", "ACTION", "POD", ""))
    for number, each in enumerate(found["steps"], 1):
        for action in each["actions"]:
            table.add(str(number), action["action"], action["pod"], _progress(found, number, action))
    yield table


def _progress(found: Json, number: int, action: Json) -> str:
    if number != found["currentStep"]:
        return "done" if number < found["currentStep"] else ""
    now = next(each for each in found["currentActions"] if each["pod"] == action["pod"])
    if _extras(found).get("paused"):
        return "paused"
    return _waiting(now) or "in progress"


def _extras(of: Json) -> Json:
    """The members that podexec adds to Marathon's; empty if the scheduler is not podexec's."""
    found: Json = of.get(KEY, {})
    return found


def _waiting(action: Json) -> str:
    """What blocks an action from starting or finishing; empty: nothing unusual."""
    extras = _extras(action)
    needed = extras.get("waitingFor")
    if needed:
        return f"waiting for {', '.join(needed)}"
    stuck = [f"{each['id']} ({each['message']})" for each in extras.get("notEnding", ())]
    return f"waiting for {', '.join(stuck)} to end" if stuck else ""


def step(of: Json) -> str:
    """A deployment's step."""
    paused = ", paused" if _extras(of).get("paused") else ""
    return f"step {of['currentStep']} of {of['totalSteps']}{paused}"


def actions(of: Json) -> str:
    """A deployment's current actions."""
    return ", ".join(
        f"{each['action']} {each['pod']}" + (f" ({waiting})" if (waiting := _waiting(each)) else "")
        for each in of["currentActions"]
    )


def queue(entries: list[Json], look: Look) -> Grid:
    """One row for each waiting pod, with every reason why it waits."""
    table = Grid(("POD", "WAITING", look.since("FOR"), "NEXT TRY", "OFFERS", "WHY"))
    for entry in sorted(entries, key=lambda entry: str(entry["pod"]["id"])):
        left = entry["delay"]["timeLeftSeconds"]
        offers = entry["processedOffersSummary"]["processedOffersCount"]
        table.add(
            entry["pod"]["id"],
            str(entry["count"]),
            look.when(entry["since"]),
            f"in {left} s" if left else "with the next offer",
            str(offers),
            [reason(each) for each in _extras(entry).get("nearest", ())]
            or (_extras(entry).get("lastTermination", "") if left else "no offer received yet"),
        )
    return table


def orphans(entries: list[Json], look: Look) -> Grid:
    """One row for each orphan, with its tasks."""
    table = Grid(("ORPHAN", "POD", "AGENT", look.since(), "TASKS"))
    for each in entries:
        tasks = [f"{task.get('container') or task['id']}: {task['condition']}" for task in each.get("tasks", ())]
        table.add(
            each["id"],
            each.get("podId") or "",
            each.get("agentHostname", ""),
            look.when(each.get("since", "")),
            tasks or each.get("message", ""),
        )
    return table


def reason(nearest: Json) -> str:
    agents = "1 agent" if nearest["agents"] == 1 else f"the best of {nearest['agents']} agents"
    return f"{nearest['reason']}: wants {nearest['asked']}; {agents} had {nearest['offered']}"


def group(found: Json, look: Look) -> Grid:
    """One row for each group and pod below a path."""
    table = Grid(("GROUP OR POD", "STATUS", "INSTANCES", look.since("UPDATED", "VERSION")))
    for each in below(found):
        if "spec" in each:
            version = look.when(each["spec"]["version"])
            table.add(each["id"], word(each["status"]), counts(each), version)
        else:
            table.add(f"{each['id'].rstrip('/')}/", "", "", look.when(each["version"]))
    return table


def below(found: Json) -> Iterator[Json]:
    """A group with everything in it, depth first: groups, and the statuses of pods."""
    yield found
    yield from sorted(found["pods"], key=lambda pod: str(pod["id"]))
    for each in sorted(found["groups"], key=lambda group: str(group["id"])):
        yield from below(each)


def _instances(status: Json, shown: Mapping[str, str], look: Look) -> Grid:
    columns = ("INSTANCE", "CONTAINER", "STATUS", "WHERE", "ENDPOINTS", look.since(), "MESSAGE")
    table = Grid(columns, cut=_cut("MESSAGE", look))
    for instance in status["instances"]:
        where = instance.get("agentHostname", "-")
        since, message = look.when(instance["statusSince"]), instance.get("message", "")
        table.add(shown[instance["id"]], "", word(instance["status"]), where, "", since, message)
        for container in instance.get("containers", ()):
            table.add(
                "",
                container["name"],
                word(container["status"]),
                _addresses(instance),
                _endpoints(container),
                look.when(container["statusSince"]),
                _said(container),
            )
    return table


def _cut(column: str, look: Look) -> str | None:
    """The column that is cut to the terminal's width, unless everything is shown."""
    return None if look.wide else column


def _said(container: Json) -> list[str]:
    """Its message, and the results of its failing checks unless the message is one of them."""
    message = container.get("message", "")
    return [message, *(each for each in _failing(container) if each != message)]


def failing(status: Json) -> list[str]:
    """The distinct results of a pod's failing checks, with the container's name."""
    containers = [each for instance in status.get("instances", ()) for each in instance.get("containers", ())]
    return list(dict.fromkeys(f"{each['name']}: {found}" for each in containers for found in _failing(each)))


def _failing(container: Json) -> list[str]:
    return [f"{each['check']}: {each['result']}" for each in _extras(container).get("checks", ()) if not each["passed"]]


def _addresses(instance: Json) -> str:
    return ", ".join(address for network in instance.get("networks", ()) for address in network.get("addresses", ()))


def _endpoints(container: Json) -> str:
    told = []
    for endpoint in container.get("endpoints", ()):
        port = f":{endpoint['allocatedHostPort']}" if "allocatedHostPort" in endpoint else ""
        health = {True: " healthy", False: " unhealthy", None: ""}[endpoint.get("healthy")]
        told.append(f"{endpoint['name']}{port}{health}")
    return ", ".join(told)


def _endings(status: Json, shown: Mapping[str, str], look: Look) -> Grid:
    """The last instances that ended, newest first. A message that several containers have is shown once."""
    columns = (look.since("AGE", "ENDED"), "INSTANCE", "CONTAINER", "STATE", "MESSAGE")
    table = Grid(columns, title="Last terminated instances", cut=_cut("MESSAGE", look))
    for ending in status["terminationHistory"]:
        instance, said = ending["instanceID"], ending.get("message", "")
        table.add(look.when(ending["terminatedAt"]), shown[instance], "", "", said)
        for container in ending.get("containers", ()):
            message = container.get("termination", {}).get("message", "")
            name = _container_name(container["containerId"], instance)
            table.add("", "", name, word(container["lastKnownState"]), "" if message == said else message)
            said = message or said
    return table


def _container_name(task_id: str, instance_id: str) -> str:
    """The name in a task's id, which is INSTANCE.NAME.NUMBER."""
    if not task_id.startswith(f"{instance_id}."):
        return task_id
    return task_id.removeprefix(f"{instance_id}.").rpartition(".")[0] or task_id


def word(status: str) -> Word:
    """A status in its colour."""
    return Word(status, "red" if status in _ENDED else _COLOURS.get(status, ""))
