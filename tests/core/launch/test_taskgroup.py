"""The LAUNCH_GROUP for a pod and an offer."""

import base64
import json
from typing import Any

import pytest

from scheduler.core.effects import Accept, as_json
from scheduler.model.json import Json
from tests.core.support import (
    CUSTOM,
    FRAMEWORK,
    NOON,
    Story,
    container,
    definition,
    groups,
    launched,
    port_ranges,
    scalar,
    variables,
)

FRONTEND: dict[str, Any] = {
    "id": "/product/frontend",
    "labels": {"team": "a b"},
    "environment": {"MODE": "prod"},
    "networks": [{"mode": "container", "name": "dcos"}],
    "volumes": [{"name": "scratch"}],
}
WEB: Json = {
    "name": "web",
    "resources": {"cpus": 0.5, "mem": 64},
    "image": {"kind": "DOCKER", "id": "nginx:1"},
    "endpoints": [
        {"name": "http-main", "containerPort": 80, "hostPort": 0, "protocol": ["tcp"], "labels": {"VIP_0": "/f:80"}}
    ],
    "healthCheck": {"http": {"endpoint": "http-main", "path": "/"}},
    "volumeMounts": [{"name": "scratch", "mountPath": "data"}],
    "environment": {"MODE": "web"},
}
SIDE: Json = {
    "name": "side",
    "resources": {"cpus": 0.1, "mem": 32},
    "exec": {"command": {"argv": ["sleep", "100"]}},
    "volumeMounts": [{"name": "scratch", "mountPath": "/data", "readOnly": True}],
}


ENDPOINT: Json = {"name": "http", "containerPort": 80, "hostPort": 8000}
HOST_ENDPOINT: Json = {"name": "http", "hostPort": 8000}


def only_task(*containers: Json, **fields: Any) -> Json:
    """The first task of such a group."""
    task: Json = launched(*containers, **fields)["task_group"]["tasks"][0]
    return task


class TestWorkedExample:
    """The specification's worked example, field by field.

    Deliberate differences: ``value`` in addition to the arguments if no image has an entrypoint, because Mesos needs
    the program; an empty list of ports instead of an empty message; a shutdown grace period for the executor.
    """

    @pytest.fixture
    def story(self) -> Story:
        story = Story()
        story.subscribe()
        story.post(definition(WEB, SIDE, instances=2, **FRONTEND))
        resources = [scalar("cpus", 4), scalar("mem", 4096), scalar("disk", 1000), port_ranges((31000, 31000))]
        story.offer("A-S0", resources=resources, hostname="node1")
        return story

    @pytest.fixture
    def group(self, story: Story) -> Json:
        (accept,) = story.ever(Accept)
        (operation,) = accept.operations  # the only port is taken: the second instance does not fit
        sent = as_json(operation)
        assert sent["type"] == "LAUNCH_GROUP"
        assert set(sent) == {"type", "launch_group"}  # an id would make the master refuse it
        group: Json = sent["launch_group"]
        return group

    def test_ids(self, story: Story, group: Json) -> None:
        uuid = story.instances[0].id.removeprefix("product_frontend.instance-")

        assert len(uuid) == 36
        assert group["executor"]["executor_id"] == {"value": f"instance-product_frontend.{uuid}"}
        assert [task["task_id"]["value"] for task in group["task_group"]["tasks"]] == [
            f"product_frontend.instance-{uuid}.web.1",
            f"product_frontend.instance-{uuid}.side.1",
        ]

    def test_executor(self, group: Json) -> None:
        executor = {key: value for key, value in group["executor"].items() if key != "executor_id"}

        assert executor == {
            "type": "DEFAULT",
            "framework_id": {"value": FRAMEWORK},
            "resources": [
                scalar("cpus", 0.1),
                scalar("mem", 32),
                scalar("disk", 10),
                port_ranges((31000, 31000)),
            ],
            "labels": {"labels": [{"key": "team", "value": "a b"}]},
            "shutdown_grace_period": {"nanoseconds": 8_000_000_000},
            "container": {
                "type": "MESOS",
                "linux_info": {"share_cgroups": False},
                "network_infos": [
                    {
                        "name": "dcos",
                        "port_mappings": [{"host_port": 31000, "container_port": 80, "protocol": "tcp"}],
                    }
                ],
            },
        }

    def test_web(self, group: Json) -> None:
        web = group["task_group"]["tasks"][0]
        environment = web["command"].pop("environment")

        assert environment["variables"]
        assert web == {
            "name": "web",
            "task_id": web["task_id"],
            "agent_id": {"value": "A-S0"},
            "resources": [scalar("cpus", 0.5), scalar("mem", 64)],
            "command": {"shell": False},
            "container": {
                "type": "MESOS",
                "mesos": {"image": {"type": "DOCKER", "docker": {"name": "nginx:1"}}},
                "volumes": [
                    {
                        "container_path": "data",
                        "mode": "RW",
                        "source": {
                            "type": "SANDBOX_PATH",
                            "sandbox_path": {"type": "PARENT", "path": "volumes/scratch"},
                        },
                    }
                ],
                "linux_info": {"share_cgroups": False},
            },
            "labels": {"labels": []},
            "health_check": {
                "type": "HTTP",
                "http": {"port": 80, "path": "/", "scheme": "http"},
                "delay_seconds": 15,
                "interval_seconds": 60,
                "timeout_seconds": 20,
                "consecutive_failures": 3,
                "grace_period_seconds": 300,
            },
            "discovery": {
                "visibility": "FRAMEWORK",
                "name": "frontend.product",
                "ports": {
                    "ports": [
                        {
                            "number": 31000,
                            "name": "http-main",
                            "protocol": "tcp",
                            "labels": {
                                "labels": [
                                    {"key": "VIP_0", "value": "/f:80"},
                                    {"key": "network-scope", "value": "host"},
                                ]
                            },
                        }
                    ]
                },
            },
        }

    def test_side(self, group: Json) -> None:
        side = group["task_group"]["tasks"][1]

        assert side["resources"] == [scalar("cpus", 0.1), scalar("mem", 32)]
        assert side["command"]["shell"] is False
        assert side["command"]["arguments"] == ["sleep", "100"]
        assert side["command"]["value"] == "sleep"
        assert side["container"] == {
            "type": "MESOS",
            "volumes": [
                {
                    "container_path": "/data",
                    "mode": "RO",
                    "source": {"type": "SANDBOX_PATH", "sandbox_path": {"type": "PARENT", "path": "volumes/scratch"}},
                }
            ],
            "linux_info": {"share_cgroups": False},
        }
        assert side["discovery"] == {"visibility": "FRAMEWORK", "name": "frontend.product", "ports": {"ports": []}}
        assert "health_check" not in side
        assert "kill_policy" not in side

    def test_environment(self, story: Story, group: Json) -> None:
        web, side = group["task_group"]["tasks"]
        both = {
            "HOST": "node1",
            "MESOS_EXECUTOR_ID": group["executor"]["executor_id"]["value"],
            "MARATHON_APP_ID": "/product/frontend",
            "MARATHON_APP_VERSION": story.world.pods["/product/frontend"].version,
            "MARATHON_APP_ENFORCE_GROUP_ROLE": "FALSE",
            "MARATHON_CONTAINER_RESOURCE_DISK": "0.0",
            "MARATHON_CONTAINER_RESOURCE_GPUS": "0",
            "MARATHON_APP_LABELS": "TEAM",
            "MARATHON_APP_LABEL_TEAM": "a b",
            "ENDPOINT_HTTP_MAIN": "80",
            "EP_HOST_HTTP_MAIN": "31000",
            "EP_CONTAINER_HTTP_MAIN": "80",
        }

        assert variables(web) == both | {
            "MODE": "web",
            "MESOS_TASK_ID": web["task_id"]["value"],
            "MARATHON_CONTAINER_ID": "web",
            "MARATHON_CONTAINER_RESOURCE_CPUS": "0.5",
            "MARATHON_CONTAINER_RESOURCE_MEM": "64.0",
        }
        assert variables(side) == both | {
            "MODE": "prod",
            "MESOS_TASK_ID": side["task_id"]["value"],
            "MARATHON_CONTAINER_ID": "side",
            "MARATHON_CONTAINER_RESOURCE_CPUS": "0.1",
            "MARATHON_CONTAINER_RESOURCE_MEM": "32.0",
        }


class TestExecutor:
    def test_a_custom_executor_carries_its_command_and_data(self) -> None:
        executor = launched(settings={"executor": CUSTOM})["executor"]

        assert executor["type"] == "CUSTOM"
        assert executor["command"] == CUSTOM.command
        assert executor["data"] == CUSTOM.data

    def test_the_default_executor_has_no_command_and_no_data(self) -> None:
        executor = launched()["executor"]

        assert executor["type"] == "DEFAULT"
        assert not {"command", "data"} & set(executor)

    def test_executor_resources_of_the_definition_are_its_own(self) -> None:
        resources = launched(executorResources={"cpus": 0.5, "mem": 100, "disk": 20})["executor"]["resources"]

        assert resources == [scalar("cpus", 0.5), scalar("mem", 100), scalar("disk", 20)]

    def test_every_host_port_of_the_pod_is_on_the_executor_and_none_on_a_task(self) -> None:
        group = launched(
            container("one", endpoints=[{"name": "a", "hostPort": 8001}, {"name": "b", "hostPort": 8000}]),
            container("two", endpoints=[{"name": "c", "hostPort": 0}]),
            networks=[{"mode": "host"}],
        )

        assert group["executor"]["resources"][-1] == port_ranges((8000, 8001), (31000, 31000))
        for task in group["task_group"]["tasks"]:
            assert {each["name"] for each in task["resources"]} == {"cpus", "mem"}

    def test_it_outlives_the_longest_grace_period_of_its_containers(self) -> None:
        executor = launched(
            container("one", lifecycle={"killGracePeriodSeconds": 30}),
            container("two", lifecycle={"killGracePeriodSeconds": 0.5}),
        )["executor"]

        assert executor["shutdown_grace_period"] == {"nanoseconds": 35_000_000_000}

    def test_all_share_cgroups_flags_are_false_for_a_master_compares_them(self) -> None:
        group = launched(container("one"), container("two"))

        for part in (group["executor"], *group["task_group"]["tasks"]):
            assert part["container"]["linux_info"] == {"share_cgroups": False}

    def test_task_ids_are_unique_in_the_group_and_over_instances_and_incarnations(self) -> None:
        """The master dies of two equal ids in one group."""
        story = Story()
        story.subscribe()
        story.post(definition(container("one"), container("two"), instances=5))
        sent = groups(story.offer())
        story.remove()
        story.post(definition(container("one"), container("two"), instances=5))
        sent += groups(story.offer("A2"))

        task_ids = [task["task_id"]["value"] for group in sent for task in group["task_group"]["tasks"]]
        executor_ids = [group["executor"]["executor_id"]["value"] for group in sent]
        assert len(task_ids) == len(set(task_ids)) == 20
        assert len(executor_ids) == len(set(executor_ids)) == 10


class TestCommand:
    def test_a_shell_line(self) -> None:
        command = only_task(container(exec={"command": {"shell": "echo $HOST"}}))["command"]

        assert (command["shell"], command["value"]) == (True, "echo $HOST")
        assert "arguments" not in command

    def test_shell_wins_over_argv(self) -> None:
        command = only_task(container(exec={"command": {"shell": "true", "argv": ["false"]}}))["command"]

        assert (command["shell"], command["value"]) == (True, "true")

    @pytest.mark.parametrize(
        ("fields", "value"),
        [
            ({}, "run"),
            ({"image": {"kind": "DOCKER", "id": "nginx"}}, None),
        ],
    )
    @pytest.mark.parametrize("override", [None, False, True])
    def test_argv_replaces_the_entrypoint_only_where_asked_or_where_there_is_none(
        self, fields: Json, value: str | None, override: bool | None
    ) -> None:
        asked = {"command": {"argv": ["run", "-x"]}} | ({} if override is None else {"overrideEntrypoint": override})
        command = only_task({**container(exec=asked), **fields})["command"]

        assert command["shell"] is False
        assert command["arguments"] == ["run", "-x"]
        assert command.get("value") == ("run" if override else value)

    def test_without_a_command_the_images_own_is_run(self) -> None:
        asked = {"name": "main", "resources": {}, "image": {"kind": "DOCKER", "id": "nginx"}}

        assert set(only_task(asked)["command"]) == {"shell", "environment"}

    @pytest.mark.parametrize(
        ("pods", "containers", "expected"), [("p", "c", "c"), ("p", None, "p"), (None, "c", "c"), (None, None, None)]
    )
    def test_user_is_the_containers_else_the_pods(
        self, pods: str | None, containers: str | None, expected: str | None
    ) -> None:
        command = only_task(container(user=containers), user=pods)["command"]

        assert command.get("user") == expected

    def test_artifacts_become_uris_in_order(self) -> None:
        command = only_task(
            container(
                artifacts=[
                    {"uri": "http://a/x.tgz"},
                    {"uri": "/b", "extract": False, "executable": True, "cache": True, "destPath": "bin/b"},
                ]
            )
        )["command"]

        assert command["uris"] == [
            {"value": "http://a/x.tgz", "cache": False, "extract": True, "executable": False},
            {"value": "/b", "cache": True, "extract": False, "executable": True, "output_file": "bin/b"},
        ]

    def test_kill_policy_only_where_given(self) -> None:
        group = launched(container("one", lifecycle={"killGracePeriodSeconds": 3}), container("two", lifecycle={}))
        one, two = group["task_group"]["tasks"]

        assert one["kill_policy"] == {"grace_period": {"nanoseconds": 3_000_000_000}}
        assert "kill_policy" not in two

    def test_labels_of_the_pod_are_on_the_executor_and_a_containers_on_its_task(self) -> None:
        group = launched(container(labels={"tier": "web"}), labels={"team": "x"})

        assert group["executor"]["labels"] == {"labels": [{"key": "team", "value": "x"}]}
        assert group["task_group"]["tasks"][0]["labels"] == {"labels": [{"key": "tier", "value": "web"}]}

    def test_gpus_and_disk_are_sent_only_where_asked(self) -> None:
        task = only_task(container(resources={"cpus": 1, "mem": 32, "disk": 5, "gpus": 1}))

        assert task["resources"] == [scalar("cpus", 1), scalar("mem", 32), scalar("disk", 5), scalar("gpus", 1)]


class TestContainer:
    @pytest.mark.parametrize(("force_pull", "cached"), [(None, None), (True, False), (False, True)])
    def test_force_pull_is_the_opposite_of_cached(self, force_pull: bool | None, cached: bool | None) -> None:
        image = {"kind": "DOCKER", "id": "nginx", "labels": {"never": "sent"}}
        task = only_task(container(image=image if force_pull is None else {**image, "forcePull": force_pull}))

        expected: Json = {"type": "DOCKER", "docker": {"name": "nginx"}}
        if cached is not None:
            expected["cached"] = cached
        assert task["container"]["mesos"] == {"image": expected}

    def test_host_volumes(self) -> None:
        task = only_task(
            container(
                volumeMounts=[
                    {"name": "etc", "mountPath": "/conf", "readOnly": True},
                    {"name": "var", "mountPath": "state"},
                ]
            ),
            volumes=[{"name": "etc", "host": "/etc"}, {"name": "var", "host": "relative"}],
        )

        assert task["container"]["volumes"] == [
            {"container_path": "/conf", "mode": "RO", "host_path": "/etc"},
            {"container_path": "state", "mode": "RW", "host_path": "relative"},
        ]

    def test_a_container_that_mounts_nothing_has_no_volumes(self) -> None:
        group = launched(
            container("one", volumeMounts=[{"name": "v", "mountPath": "v"}]), container("two"), volumes=[{"name": "v"}]
        )

        assert "volumes" not in group["task_group"]["tasks"][1]["container"]


class TestHealthCheck:
    @pytest.mark.parametrize("networks", [[{"mode": "container", "name": "n"}], [{"mode": "container/bridge"}], []])
    def test_http_is_checked_at_the_containers_port(self, networks: list[Json]) -> None:
        check = {"http": {"endpoint": "http", "scheme": "https"}, "delaySeconds": 1, "maxConsecutiveFailures": 0}
        task = only_task(container(endpoints=[ENDPOINT], healthCheck=check), networks=networks)

        assert task["health_check"] == {
            "type": "HTTP",
            "http": {"port": 80, "scheme": "https"},
            "delay_seconds": 1,
            "interval_seconds": 60,
            "timeout_seconds": 20,
            "consecutive_failures": 0,
            "grace_period_seconds": 300,
        }

    def test_on_the_hosts_network_the_host_port_is_checked(self) -> None:
        task = only_task(
            container(endpoints=[HOST_ENDPOINT], healthCheck={"tcp": {"endpoint": "http"}}),
            networks=[{"mode": "host"}],
        )

        assert (task["health_check"]["type"], task["health_check"]["tcp"]) == ("TCP", {"port": 8000})

    def test_without_a_container_port_on_a_bridge_the_host_port_is_checked(self) -> None:
        task = only_task(
            container(endpoints=[HOST_ENDPOINT], healthCheck={"tcp": {"endpoint": "http"}}),
            networks=[{"mode": "container/bridge"}],
        )

        assert task["health_check"]["tcp"] == {"port": 8000}

    @pytest.mark.parametrize(
        ("command", "expected"),
        [
            ({"shell": "test -f ok"}, {"shell": True, "value": "test -f ok"}),
            ({"argv": ["test", "-f"]}, {"shell": False, "value": "test", "arguments": ["test", "-f"]}),
        ],
    )
    def test_a_command(self, command: Json, expected: Json) -> None:
        task = only_task(container(healthCheck={"exec": {"command": command}}))

        assert (task["health_check"]["type"], task["health_check"]["command"]) == ("COMMAND", expected)


_AT_PORT: Json = {"http": {"endpoint": "http"}}
_AT_TCP_PORT: Json = {"tcp": {"endpoint": "http"}}
_COMMAND: Json = {"exec": {"command": {"shell": "true"}}}


@pytest.mark.parametrize(
    "asked",
    [
        {"healthCheck": _AT_PORT},
        {"healthCheck": _AT_TCP_PORT},
        {"check": _AT_PORT},
        {"check": _AT_TCP_PORT},
        {"healthChecks": [_AT_PORT]},
        {"healthChecks": [_COMMAND, _AT_PORT]},
        {"healthChecks": [_COMMAND, _AT_TCP_PORT]},
        {"readinessCheck": _AT_PORT},
        {"readinessCheck": _AT_TCP_PORT},
        {"healthCheck": _COMMAND, "check": _COMMAND, "readinessCheck": _AT_PORT},
        {"healthCheck": _COMMAND, "check": _AT_PORT, "readinessCheck": _COMMAND},
        {"healthCheck": _AT_PORT, "check": _COMMAND, "readinessCheck": _COMMAND},
    ],
    ids=str,
)
def test_whatever_asks_at_a_port_asks_at_the_one_that_each_launch_got(asked: Json) -> None:
    story = Story(executor=CUSTOM)
    story.subscribe()
    web = container(endpoints=[{"name": "http", "hostPort": 0}], **asked)
    story.post(definition(web, networks=[{"mode": "host"}], instances=2))
    found = groups(story.offer("A1", ports=((31001, 31001),))) + groups(story.offer("A2", ports=((31002, 31002),)))

    for group, port in zip(found, (31001, 31002), strict=True):
        (info,) = group["task_group"]["tasks"]
        told = json.dumps({name: info.get(name) for name in ("health_check", "check")})
        told += base64.b64decode(info.get("data", "")).decode()
        assert f'"port": {port}' in told or f'"port":{port}' in told


def test_the_version_in_the_environment_is_the_time_of_acceptance() -> None:
    assert NOON == 1_700_000_000
    assert variables(only_task())["MARATHON_APP_VERSION"] == "2023-11-14T22:13:20.000Z"
