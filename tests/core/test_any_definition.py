"""Any definition that the API accepts becomes JSON that the master accepts, or waits."""

import json
import math

from hypothesis import given, settings

from scheduler.core.events import PodPosted
from scheduler.core.settings import GpuScheduling
from scheduler.model.definition import Placement, PodDefinition
from scheduler.model.json import Json
from scheduler.model.normalisation import normalise
from scheduler.model.validation import parse
from tests.core.support import Story, groups, port_ranges, scalar
from tests.model.strategies import SITE, any_valid


def launch(asked: PodDefinition) -> list[Json]:
    """The groups of a pod on one offer with plenty of everything."""
    story = Story(role=SITE.role, gpu_scheduling_behavior=GpuScheduling.UNRESTRICTED)
    story.subscribe()
    story.tell(PodPosted(1, asked))
    resources = [scalar(name, 1e9, role) for role in ("*", SITE.role) for name in ("cpus", "mem", "disk", "gpus")]
    return groups(story.offer(resources=[*resources, port_ranges((1, 65535))], role=SITE.role))


def check(group: Json) -> None:
    """The rules of the master that a group could break."""
    executor, tasks = group["executor"], group["task_group"]["tasks"]
    ids = [task["task_id"]["value"] for task in tasks]
    assert len(set(ids)) == len(ids) > 0
    assert all(0 < len(each) <= 255 for each in [*ids, executor["executor_id"]["value"]])
    assert not executor["container"].get("linux_info", {}).get("share_cgroups")
    shares = {task["container"]["linux_info"]["share_cgroups"] for task in tasks}
    assert len(shares) == 1
    held = {each["name"]: each["scalar"]["value"] for each in executor["resources"] if "scalar" in each}
    assert held["cpus"] >= 0.01
    assert held["mem"] >= 32
    assert held["disk"] > 0
    for task in tasks:
        _check_task(task, may_have_limits=shares == {False})


def _check_task(task: Json, *, may_have_limits: bool) -> None:
    requests = {each["name"]: each["scalar"]["value"] for each in task["resources"]}
    assert requests
    assert float(requests.get("gpus", 0)).is_integer()
    assert may_have_limits or "limits" not in task
    for name, limit in task.get("limits", {}).items():
        assert float(limit["value"]) >= requests[name]
    for kind in ("health_check", "check"):
        asked = task.get(kind)
        if asked is not None:
            _check_check(asked)
    for variable in task["command"]["environment"]["variables"]:
        assert ("value" in variable) is (variable.get("type", "VALUE") == "VALUE")
        assert ("secret" in variable) is (variable.get("type") == "SECRET")
    for volume in task["container"].get("volumes", ()):
        assert ("host_path" in volume) is not ("source" in volume)


def _check_check(asked: Json) -> None:
    details = asked[asked["type"].lower()]
    if asked["type"] == "COMMAND":
        assert details.get("command", details)["value"]
    else:
        assert 0 < details["port"] <= 65535
        assert details.get("path", "/").startswith("/")
    assert all(value >= 0 and math.isfinite(value) for key, value in asked.items() if key.endswith("_seconds"))


@settings(max_examples=60)
@given(any_valid())
def test_whatever_is_accepted_is_launched_as_the_master_wants_it(document: Json) -> None:
    parsed = parse(json.dumps(document).encode(), SITE)
    assert isinstance(parsed, PodDefinition), parsed
    unplaced = parsed.scheduling.model_copy(update={"placement": Placement()})
    asked = normalise(parsed, SITE).model_copy(update={"scheduling": unplaced})
    sent = launch(asked)

    json.dumps(sent, allow_nan=False)
    waits = not asked.scaling.instances or any(volume.persistent for volume in asked.volumes)
    assert bool(sent) is not waits
    for group in sent:
        check(group)


@settings(max_examples=60)
@given(any_valid())
def test_constraints_of_any_kind_are_judged(document: Json) -> None:
    """The agent has none of the fields they ask for, but a name."""
    parsed = parse(json.dumps(document).encode(), SITE)
    assert isinstance(parsed, PodDefinition), parsed

    for group in launch(normalise(parsed, SITE)):
        check(group)
