"""Tables and lines that show pods, deployments and the queue to people."""

from collections import Counter
from collections.abc import Iterator

from scheduler.cli.screen import Cell, Grid, Word
from scheduler.core.views.extras import KEY
from scheduler.model.json import Json

_COLOURS = {"STABLE": "green", "DEGRADED": "red", "TERMINAL": "dim", "STAGING": "yellow", "PENDING": "yellow"}
_ENDED = ("TASK_FAILED", "TASK_ERROR", "TASK_GONE", "TASK_DROPPED")


def pods(statuses: list[Json]) -> Grid:
    """One row for each pod."""
    table = Grid(("POD", "STATUS", "INSTANCES", "CONTAINERS", "VERSION", "SINCE"))
    for status in sorted(statuses, key=lambda status: str(status["id"])):
        names = ", ".join(container["name"] for container in status["spec"]["containers"])
        since = status["statusSince"]
        table.add(status["id"], word(status["status"]), counts(status), names, status["spec"]["version"], since)
    return table


def on_hold(found: Json) -> list[str]:
    """Why nothing is launched yet, if so; from a pod's status or the scheduler's info."""
    reason = _extras(found).get("onHold")
    return [] if reason is None else [f"on hold: {reason}"]


def counts(status: Json) -> str:
    """Stable instances out of those wanted, e.g. ``1/3``."""
    stable = sum(instance["status"] == "STABLE" for instance in status.get("instances", ()))
    return f"{stable}/{status['spec']['scaling']['instances']}"


def pod(status: Json) -> Iterator[str | Grid | tuple[Cell, ...]]:
    """One pod with its instances, their containers, and how the last ones ended."""
    yield status["id"], "  ", word(status["status"]), f"  {counts(status)} instances stable"
    yield f"version {status['spec']['version']}, role {status['spec']['role']}"
    yield from on_hold(status)
    if status.get("instances"):
        yield _instances(status)
    else:
        yield "No instance has been launched yet."
    if status.get("terminationHistory"):
        yield _endings(status)


def versions(kept: list[str], status: Json) -> Grid:
    """One row for each kept version of a pod, newest first."""
    table = Grid(("VERSION", "INSTANCES", ""))
    of_version = Counter(instance["specReference"].rpartition("/")[2] for instance in status.get("instances", ()))
    for version in reversed(kept):
        table.add(version, str(of_version[version]), "current" if version == status["spec"]["version"] else "")
    return table


def deployments(found: list[Json]) -> Grid:
    """One row for each deployment."""
    table = Grid(("DEPLOYMENT", "PODS", "STEP", "NOW", "SINCE"))
    for each in found:
        table.add(each["id"], each["affectedPods"], step(each), actions(each), each["version"])
    return table


def deployment(found: Json) -> Iterator[str | Grid | tuple[Cell, ...]]:
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


def queue(entries: list[Json]) -> Grid:
    """One row for each waiting pod, with every reason why it waits."""
    table = Grid(("POD", "WAITING", "SINCE", "NEXT TRY", "OFFERS", "WHY"))
    for entry in sorted(entries, key=lambda entry: str(entry["pod"]["id"])):
        left = entry["delay"]["timeLeftSeconds"]
        offers = entry["processedOffersSummary"]["processedOffersCount"]
        table.add(
            entry["pod"]["id"],
            str(entry["count"]),
            entry["since"],
            f"in {left} s" if left else "with the next offer",
            str(offers),
            [_reason(each) for each in _extras(entry).get("nearest", ())] or ("" if left else "no offer received yet"),
        )
    return table


def _reason(nearest: Json) -> str:
    agents = "1 agent" if nearest["agents"] == 1 else f"the best of {nearest['agents']} agents"
    return f"{nearest['reason']}: wants {nearest['asked']}; {agents} had {nearest['offered']}"


def group(found: Json) -> Grid:
    """One row for each group and pod below a path."""
    table = Grid(("GROUP OR POD", "STATUS", "INSTANCES", "VERSION"))
    for each in _below(found):
        if "spec" in each:
            table.add(each["id"], word(each["status"]), counts(each), each["spec"]["version"])
        else:
            table.add(f"{each['id'].rstrip('/')}/", "", "", each["version"])
    return table


def _below(found: Json) -> Iterator[Json]:
    yield found
    yield from sorted(found["pods"], key=lambda pod: str(pod["id"]))
    for each in sorted(found["groups"], key=lambda group: str(group["id"])):
        yield from _below(each)


def _instances(status: Json) -> Grid:
    table = Grid(("INSTANCE", "CONTAINER", "STATUS", "WHERE", "ENDPOINTS", "SINCE", "MESSAGE"))
    for instance in status["instances"]:
        where = instance.get("agentHostname", "-")
        message = instance.get("message", "")
        table.add(instance["id"], "", word(instance["status"]), where, "", instance["statusSince"], message)
        for container in instance.get("containers", ()):
            table.add(
                "",
                container["name"],
                word(container["status"]),
                _addresses(instance),
                _endpoints(container),
                container["statusSince"],
                _said(container),
            )
    return table


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


def _endings(status: Json) -> Grid:
    table = Grid(("ENDED", "CONTAINER", "STATE", "MESSAGE"), title="Last terminated instances")
    for ending in status["terminationHistory"]:
        table.add(ending["terminatedAt"], "", "", ending.get("message", ""))
        for container in ending.get("containers", ()):
            message = container.get("termination", {}).get("message", "")
            table.add("", container["containerId"], word(container["lastKnownState"]), message)
    return table


def word(status: str) -> Word:
    """A status in its colour."""
    return Word(status, "red" if status in _ENDED else _COLOURS.get(status, ""))
