"""The environment variables of a container: all of them, their precedence, and the escaping of names."""

from typing import Any

import pytest

from scheduler.core.launch.environment import TASK_ID, fixed, of_launch
from scheduler.core.settings import Settings
from scheduler.model.definition import PodDefinition
from scheduler.model.json import Json
from scheduler.model.records import Condition, Instance
from scheduler.model.roles import EnforceRole
from tests.core.support import container, definition, instance, settings, task

HOST = [{"mode": "host"}]


def variables(given: Settings, asked: PodDefinition, placed: Instance) -> dict[str, Any]:
    """All variables of the first container of a placed instance."""
    return fixed(given, asked, asked.containers[0]) | of_launch(given, asked, placed) | {TASK_ID: "the-task"}


def environment(
    *containers: Json, prefix: str | None = None, ports: dict[str, int] | None = None, **fields: Any
) -> dict[str, str]:
    """The environment of a pod's first container."""
    asked = definition(*containers, **fields)
    placed = instance(task(Condition.PROVISIONED), host_ports=tuple((ports or {}).items()))
    return variables(settings(env_vars_prefix=prefix), asked, placed)


def test_the_containers_value_wins_over_the_pods_and_podexec_over_both() -> None:
    found = environment(
        container(environment={"A": "container", "MARATHON_APP_ID": "mine", "HOST": "mine"}),
        environment={"A": "pod", "B": "pod", "MESOS_TASK_ID": "mine"},
    )

    assert (found["A"], found["B"]) == ("container", "pod")
    assert (found["MARATHON_APP_ID"], found["MESOS_TASK_ID"], found["HOST"]) == ("/shop/web", "the-task", "a1.example")


def test_later_groups_win_in_their_order() -> None:
    found = environment(
        container(environment={"ENDPOINT_A": "mine"}, endpoints=[{"name": "a", "containerPort": 1}]),
        labels={"s": "label"},
        environment={"MARATHON_APP_LABELS": "mine", "MARATHON_APP_LABEL_S": "mine"},
    )

    assert (found["ENDPOINT_A"], found["MARATHON_APP_LABELS"], found["MARATHON_APP_LABEL_S"]) == ("1", "S", "label")


@pytest.mark.parametrize(
    ("pod_id", "enforce", "told"),
    [
        ("/shop/web", EnforceRole.OFF, "FALSE"),
        ("/shop/web", EnforceRole.TOP, "TRUE"),
        ("/web", EnforceRole.TOP, "FALSE"),
    ],
)
def test_a_container_sees_whether_its_group_enforces_a_role(pod_id: str, enforce: EnforceRole, told: str) -> None:
    asked = definition(id=pod_id)
    placed = instance(task(Condition.PROVISIONED))
    found = variables(settings(new_group_enforce_role=enforce), asked, placed)

    assert found["MARATHON_APP_ENFORCE_GROUP_ROLE"] == told


@pytest.mark.parametrize(
    ("resources", "cpus", "mem", "disk", "gpus"),
    [
        ({}, "1.0", "128.0", "0.0", "0"),
        ({"cpus": 0.1, "mem": 32, "disk": 10, "gpus": 2}, "0.1", "32.0", "10.0", "2"),
        ({"cpus": 2, "mem": 100.5, "disk": 0.5}, "2.0", "100.5", "0.5", "0"),
    ],
)
def test_resources_have_a_fraction_and_gpus_have_none(
    resources: Json, cpus: str, mem: str, disk: str, gpus: str
) -> None:
    found = environment(container(resources=resources))

    names = ("CPUS", "MEM", "DISK", "GPUS")
    assert [found[f"MARATHON_CONTAINER_RESOURCE_{name}"] for name in names] == [cpus, mem, disk, gpus]


def test_a_pod_without_labels_still_says_so() -> None:
    assert environment()["MARATHON_APP_LABELS"] == ""


@pytest.mark.parametrize(
    ("key", "escaped"),
    [
        ("team", "TEAM"),
        ("a.b/c--d", "A_B_C_D"),
        ("under_score9", "UNDER_SCORE9"),
        ("größe", "GR_E"),
        ("!?", "_"),
    ],
)
def test_label_names_are_escaped(key: str, escaped: str) -> None:
    found = environment(labels={key: "v"})

    assert found["MARATHON_APP_LABELS"] == escaped
    assert found[f"MARATHON_APP_LABEL_{escaped}"] == "v"


def test_labels_of_the_container_replace_the_pods_and_the_last_of_colliding_names_wins() -> None:
    found = environment(
        container(labels={"tier": "container", "a.b": "second"}), labels={"tier": "pod", "a-b": "first"}
    )

    assert found["MARATHON_APP_LABEL_TIER"] == "container"
    assert found["MARATHON_APP_LABEL_A_B"] == "second"
    assert found["MARATHON_APP_LABELS"].split() == ["TIER", "A_B"]


@pytest.mark.parametrize(("key", "value", "there"), [(492, 1, True), (493, 1, False), (1, 511, True), (1, 512, False)])
def test_labels_too_long_for_a_variable_are_left_out(key: int, value: int, there: bool) -> None:
    found = environment(labels={"k" * key: "v" * value})

    assert (found["MARATHON_APP_LABELS"] != "") is there
    assert (f"MARATHON_APP_LABEL_{'K' * key}" in found) is there


def endpoint_variables(found: dict[str, str]) -> dict[str, str]:
    """Those about endpoints."""
    return {name: value for name, value in found.items() if "ENDPOINT_" in name or "EP_" in name}


def test_every_container_sees_every_endpoint_of_the_pod() -> None:
    found = environment(
        container("one"),
        container(
            "two",
            endpoints=[
                {"name": "web-server", "containerPort": 80, "hostPort": 0},
                {"name": "inner", "containerPort": 81},
            ],
        ),
        networks=[{"mode": "container", "name": "n"}],
        ports={"web-server": 31005},
    )

    assert endpoint_variables(found) == {
        "ENDPOINT_WEB_SERVER": "80",
        "EP_HOST_WEB_SERVER": "31005",
        "EP_CONTAINER_WEB_SERVER": "80",
        "ENDPOINT_INNER": "81",
        "EP_CONTAINER_INNER": "81",
    }


def test_on_the_hosts_network_an_endpoint_is_its_host_port() -> None:
    found = environment(container(endpoints=[{"name": "a", "hostPort": 0}]), networks=HOST, ports={"a": 31001})

    assert endpoint_variables(found) == {"ENDPOINT_A": "31001", "EP_HOST_A": "31001"}


def test_an_endpoint_without_container_port_elsewhere_has_only_its_host_port() -> None:
    found = environment(container(endpoints=[{"name": "a", "hostPort": 0}]), ports={"a": 31001})

    assert endpoint_variables(found) == {"EP_HOST_A": "31001"}


def test_the_prefix_is_put_before_endpoint_names_alone() -> None:
    found = environment(
        container(endpoints=[{"name": "a", "containerPort": 80, "hostPort": 0}]), prefix="my_", ports={"a": 31001}
    )

    assert {"MY_ENDPOINT_A", "MY_EP_HOST_A", "MY_EP_CONTAINER_A"} <= set(found)
    assert "ENDPOINT_A" not in found
    assert "MARATHON_APP_ID" in found


def test_there_are_no_port_variables() -> None:
    found = environment(container(endpoints=[{"name": "a", "containerPort": 80, "hostPort": 0}]), ports={"a": 31001})

    assert not [name for name in found if name.startswith("PORT")]


PORTS_ASKED: dict[str, Any] = {"portEnvironment": True}


def port_variables(found: dict[str, str]) -> dict[str, str]:
    """The variables that Marathon sets only for apps."""
    return {name: value for name, value in found.items() if name.startswith("PORT")}


@pytest.mark.parametrize(
    "asked",
    [PORTS_ASKED, {"labels": {"portEnvironment": "true"}}, {**PORTS_ASKED, "labels": {"portEnvironment": "false"}}],
)
def test_port_variables_where_asked_for_count_every_endpoint_of_the_pod(asked: dict[str, Any]) -> None:
    found = environment(
        container("one", endpoints=[{"name": "web-ui", "containerPort": 80, "hostPort": 0}]),
        container("two", endpoints=[{"name": "inner", "containerPort": 81}]),
        networks=[{"mode": "container", "name": "n"}],
        ports={"web-ui": 31000},
        **asked,
    )

    assert port_variables(found) == {
        "PORT0": "80",
        "PORT1": "81",
        "PORT_WEB_UI": "80",
        "PORT_INNER": "81",
        "PORTS": "80,81",
    }


@pytest.mark.parametrize("networks", [HOST, [{"mode": "container/bridge"}]])
def test_port_variables_are_the_host_ports_where_these_are_listened_on(networks: list[Json]) -> None:
    found = environment(
        container(endpoints=[{"name": "a", "hostPort": 0}, {"name": "b", "hostPort": 0}]),
        networks=networks,
        ports={"a": 31005, "b": 31001},
        **PORTS_ASKED,
    )

    assert port_variables(found) == {
        "PORT0": "31005",
        "PORT1": "31001",
        "PORT_A": "31005",
        "PORT_B": "31001",
        "PORTS": "31005,31001",
    }


def test_port_variables_win_over_the_users() -> None:
    found = environment(
        container(environment={"PORT0": "mine", "PORTX": "mine"}, endpoints=[{"name": "a", "containerPort": 80}]),
        networks=[{"mode": "container", "name": "n"}],
        **PORTS_ASKED,
    )

    assert (found["PORT0"], found["PORTX"]) == ("80", "mine")


def test_a_pod_without_endpoints_has_no_ports_to_tell() -> None:
    assert port_variables(environment(**PORTS_ASKED)) == {"PORTS": ""}


@pytest.mark.parametrize("asked", [{"portEnvironment": False, "labels": {"portEnvironment": "true"}}, {}])
def test_the_field_wins_over_the_label_and_the_default_is_no(asked: dict[str, Any]) -> None:
    found = environment(container(endpoints=[{"name": "a", "containerPort": 80, "hostPort": 0}]), **asked)

    assert port_variables(found) == {}
