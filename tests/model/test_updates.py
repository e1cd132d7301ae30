"""Updates that are accepted whatever the rules say."""

from typing import Any

import pytest

from scheduler.model.definition import PodDefinition
from scheduler.model.rules import only_scales_down
from tests.core.support import container, definition

BEFORE = definition(instances=3, version="1")
CHANGES: list[dict[str, Any]] = [
    {"instances": 3},
    {"instances": 4},
    {"instances": 2, "user": "nobody"},
    {"instances": 2, "role": "other"},
    {"instances": 2, "scheduling": {"killSelection": "OLDEST_FIRST"}},
    {"instances": 2, "id": "/shop/other"},
]


@pytest.mark.parametrize("instances", [0, 1, 2])
def test_fewer_instances(instances: int) -> None:
    assert only_scales_down(BEFORE, definition(instances=instances))


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_nothing_else(change: dict[str, Any]) -> None:
    assert not only_scales_down(BEFORE, definition(**change))


def test_no_change_of_a_container() -> None:
    after: PodDefinition = definition(container(resources={"cpus": 0.1, "mem": 33}), instances=2)
    assert not only_scales_down(BEFORE, after)
