"""The size of a container's arguments and environment, including podexec's own variables."""

from typing import Any

import pytest

from scheduler.core.effects import Done, Refused
from scheduler.model.json import Json
from scheduler.model.sizes import LARGEST_LAUNCH
from tests.core.support import Story, container, definition

HALF = "x" * (LARGEST_LAUNCH // 2)
LABELS = {f"label{number}": "x" * 500 for number in range(250)}


def shell(line: str) -> Json:
    return {"command": {"shell": line}}


def posted(*containers: Json, **fields: Any) -> Done | Refused:
    """The answer to such a pod."""
    story = Story()
    story.subscribe()
    answer = story.reply(story.post(definition(*containers, **fields)))
    assert isinstance(answer, Done | Refused)
    return answer


@pytest.mark.parametrize(
    ("asked", "fields", "path"),
    [
        (container(exec=shell(HALF), environment={"A": HALF}), {}, "/containers(0)"),
        (container(exec=shell(HALF)), {"environment": {"A": HALF}}, "/containers(0)"),
        (container(environment={"A": HALF}), {"environment": {"B": HALF}}, "/containers(0)"),
        (container(labels=LABELS), {}, "/containers(0)"),
        (container(), {"labels": LABELS}, "/containers(0)"),
        (container(endpoints=[{"name": f"e{number}", "hostPort": 0} for number in range(3000)]), {}, "/containers(0)"),
        (
            container(environment={"A": HALF}, healthCheck={"exec": shell(HALF)}),
            {},
            "/containers(0)/healthCheck/exec/command",
        ),
        (
            container(environment={"A": HALF}, lifecycle={"preStop": shell(HALF)}),
            {},
            "/containers(0)/lifecycle/preStop/command",
        ),
    ],
    ids=["command", "pod's", "both", "labels", "pod's labels", "endpoints", "check", "preStop"],
)
def test_too_much_together_is_refused(asked: Json, fields: dict[str, Any], path: str) -> None:
    answer = posted(asked, **fields)

    assert isinstance(answer, Refused)
    ((there, message),) = answer.problems
    assert there == path
    assert f"a container can be started with at most {LARGEST_LAUNCH}" in message


def test_a_variable_of_the_pod_that_the_container_replaces_does_not_count() -> None:
    assert isinstance(posted(container(environment={"A": HALF}), environment={"A": HALF}), Done)


def test_labels_that_become_no_variables_do_not_count() -> None:
    assert isinstance(posted(container(labels={"a": "x" * 200_000})), Done)
