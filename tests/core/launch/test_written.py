"""Launches are written as ``TaskGroupTemplate`` builds them, byte for byte."""

import json
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from scheduler.core.effects import as_json
from scheduler.core.launch.taskgroup import TaskGroupTemplate
from scheduler.core.launch.written import LaunchWriter
from scheduler.core.settings import Settings
from scheduler.model.definition import PodDefinition
from scheduler.model.json import Json
from scheduler.model.normalisation import normalise
from scheduler.model.records import Agent, Condition, Instance
from scheduler.model.validation import parse
from tests.core.support import CUSTOM, DEFAULT_EXECUTOR, container, definition, instance, scalar, settings, task
from tests.model.strategies import ENV_KEYS, SITE, any_valid

# Strings that look like gaps or would end a string, beside any others.
HOSTILE = (
    '"',
    "\\",
    "%b %(name)s {0}",
    '"\\u0000task0"',
    "\\u0000executor_id",
    '"\\',
    'u0000task0"',
    "]}, {[",
    "\x01\x1f\x7f\u2028",
    "żółć 🦆",
    "x" * 130_000,
)
# A variable that is any longer is refused.
VALUES = st.sampled_from([each[:110_000] for each in HOSTILE]) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"])
)
# Agents and masters may send what definitions may not contain.
IDS = VALUES | st.sampled_from(["\0task0", "\0hostname", "\0"])


@st.composite
def launches(draw: st.DrawFn) -> tuple[PodDefinition, Instance, Json, list[Json], list[list[Json]]]:
    """A definition, an instance of it that is placed, the framework's id, and the resources it was given."""
    asked = draw(definitions())
    agent = Agent(draw(IDS), draw(IDS))
    names = [endpoint for each in asked.containers for endpoint in each.endpoints if endpoint.host_port is not None]
    placed = instance(
        *(task(Condition.PROVISIONED, each.name, id=draw(IDS)) for each in asked.containers),
        agent=agent,
        executor_id=draw(IDS),
        host_ports=tuple((each.name, draw(st.integers(1, 65535))) for each in names),
    )
    resources = [draw(st.lists(amounts(), max_size=3)) for _ in range(1 + len(asked.containers))]
    return asked, placed, {"value": draw(IDS)}, resources[0], resources[1:]


@st.composite
def definitions(draw: st.DrawFn) -> PodDefinition:
    """Any valid definition, with any text in its labels and variables."""
    document = draw(any_valid())
    for holder in (document, *document["containers"]):
        holder.setdefault("environment", {}).update(draw(st.dictionaries(ENV_KEYS, VALUES, max_size=2)))
        holder.setdefault("labels", {}).update(draw(st.dictionaries(VALUES, VALUES, max_size=2)))
    parsed = parse(json.dumps(document).encode(), SITE)
    assert isinstance(parsed, PodDefinition), parsed
    return normalise(parsed, SITE)


def amounts() -> st.SearchStrategy[Json]:
    """Scalar resources, reserved or not."""
    return st.builds(
        scalar,
        st.sampled_from(["cpus", "mem", "disk", "gpus"]),
        st.floats(0, 1e6),
        st.sampled_from(["*", "dev"]),
        reservations=st.just([{"role": "dev", "labels": {"labels": [{"key": '"', "value": "\0executor"}]}}]),
    )


def assert_as_built(site: Settings, asked: PodDefinition, placed: Instance, *allotted: Any) -> None:
    """``allotted``: the framework's id, and the resources of the executor and of each container."""
    assert placed.agent is not None
    found = LaunchWriter(site, asked).on(placed.agent, *allotted)(placed)

    built = TaskGroupTemplate(site, asked).launch_group(placed, *allotted)
    assert found.text == msgspec.json.encode(built)
    assert as_json(found) == orjson.loads(found.text) == built
    assert found.tasks == len(asked.containers)


@trials(max_examples=60)
@given(launches(), st.sampled_from([CUSTOM, DEFAULT_EXECUTOR]), st.sampled_from([None, "p_"]))
def test_any_launch_is_written_as_it_is_built(launch: Any, executor: Any, prefix: str | None) -> None:
    assert_as_built(settings(role=SITE.role, executor=executor, env_vars_prefix=prefix), *launch)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_in_a_definition_is_taken_for_a_gap(hostile: str) -> None:
    both: Json = {"labels": {hostile[:400]: hostile, "b": hostile}, "environment": {"A": hostile, "HOST": hostile}}
    asked = definition(container("one", **both), container("two", **both), **both)
    placed = instance(task(Condition.PROVISIONED, "one", id="1"), task(Condition.PROVISIONED, "two", id="2"))

    assert_as_built(settings(), asked, placed, {"value": hostile}, [scalar("cpus", 1)], [[], [scalar("mem", 2)]])


def test_a_definition_from_before_the_rule_against_nul_is_launched() -> None:
    asked = definition(container(labels={"a": "\0task0", "b": "\0", "\0": "\0other"}))

    assert_as_built(settings(), asked, instance(task(Condition.PROVISIONED)), {"value": "F"}, [], [[]])


def test_one_writer_serves_many_agents_and_instances() -> None:
    """Nothing of a launch is left in the next one."""
    asked = definition(container("one"), container("two"))
    writer, template = LaunchWriter(settings(), asked), TaskGroupTemplate(settings(), asked)
    for number in range(3):
        agent = Agent(f"A{number}", f"host{number}")
        allotted = ({"value": f"F{number}"}, [scalar("cpus", number)], [[scalar("mem", number)], []])
        write = writer.on(agent, *allotted)
        for incarnation in range(2):
            tasks = [task(Condition.PROVISIONED, each, id=f"{number}.{each}.{incarnation}") for each in ("one", "two")]
            placed = instance(*tasks, agent=agent, executor_id=f"{number}.{incarnation}")

            assert as_json(write(placed)) == template.launch_group(placed, *allotted)


@pytest.mark.parametrize("host_port", [0, 8080])
def test_host_ports_are_written_for_each_launch(host_port: int) -> None:
    asked = definition(
        container(endpoints=[{"name": "http", "hostPort": host_port}], healthCheck={"tcp": {"endpoint": "http"}}),
        networks=[{"mode": "host"}],
    )
    for port in (31000, 31001):
        placed = instance(task(Condition.PROVISIONED), host_ports=(("http", port),))

        assert_as_built(settings(), asked, placed, {"value": "F"}, [], [[scalar("cpus", 1)]])
