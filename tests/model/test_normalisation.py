"""The stored form: its defaults; normalising, rendering and reading it again changes nothing."""

import json
from dataclasses import replace
from typing import Any

import pytest

from scheduler.model.definition import PodDefinition, render
from scheduler.model.normalisation import normalise
from scheduler.model.roles import EnforceRole
from scheduler.model.rules import Site
from scheduler.model.validation import parse
from tests.model.definitions import FULL, MINIMAL, changed

SITE = Site(role="pods", default_network_name="dcos")
ENDPOINTS = changed(MINIMAL, "containers.0.endpoints", [{"name": "e", "containerPort": 80}])


def stored(definition: dict[str, Any], site: Site = SITE) -> PodDefinition:
    """The definition as the API stores it."""
    parsed = parse(json.dumps(definition).encode(), site)
    assert isinstance(parsed, PodDefinition), parsed
    return normalise(parsed, site)


def shown(definition: dict[str, Any]) -> Any:
    """The definition as the API shows it after storing it."""
    return render(stored(definition))


def test_an_unnamed_container_network_gets_the_default_name() -> None:
    assert shown(MINIMAL | {"networks": [{}]})["networks"] == [{"name": "dcos", "mode": "container"}]


@pytest.mark.parametrize("mode", ["host", "container/bridge"])
def test_other_networks_get_no_name(mode: str) -> None:
    assert shown(MINIMAL | {"networks": [{"mode": mode}]})["networks"] == [{"mode": mode}]


def test_a_pod_without_networks_gets_none() -> None:
    assert "networks" not in shown(MINIMAL)


@pytest.mark.parametrize("networks", [[], [{"mode": "container/bridge"}]])
def test_off_container_networks_every_endpoint_gets_a_host_port(networks: list[Any]) -> None:
    assert shown(ENDPOINTS | {"networks": networks})["containers"][0]["endpoints"][0]["hostPort"] == 0


def test_on_a_container_network_an_absent_host_port_stays_absent() -> None:
    assert "hostPort" not in shown(ENDPOINTS | {"networks": [{"name": "a"}]})["containers"][0]["endpoints"][0]


def test_the_role_is_the_frameworks() -> None:
    assert shown(MINIMAL)["role"] == "pods"


@pytest.mark.parametrize(
    ("pod_id", "enforce", "role"),
    [
        ("/product/web", EnforceRole.OFF, "pods"),
        ("/product/web", EnforceRole.TOP, "product"),
        ("product/shop/web/", EnforceRole.TOP, "product"),
        ("/web", EnforceRole.TOP, "pods"),
    ],
)
def test_in_a_group_that_insists_the_role_is_the_groups(pod_id: str, enforce: EnforceRole, role: str) -> None:
    definition = PodDefinition.model_validate_json(json.dumps(MINIMAL | {"id": pod_id}))
    assert normalise(definition, replace(SITE, new_group_enforce_role=enforce)).role == role


def test_executor_resources_are_filled_in_one_by_one() -> None:
    assert shown(changed(MINIMAL, "executorResources.cpus", 100))["executorResources"] == {
        "cpus": 100.0,
        "mem": 32.0,
        "disk": 10.0,
    }


def test_an_id_has_one_spelling() -> None:
    assert shown(MINIMAL | {"id": "//a//b/"})["id"] == "/a/b"


def test_container_defaults_are_shown() -> None:
    container = shown(FULL)["containers"][0]
    assert container["resources"] == {"cpus": 0.5, "mem": 64.0, "disk": 0.0, "gpus": 0}
    assert container["volumeMounts"] == [{"name": "scratch", "mountPath": "data", "readOnly": False}]
    assert container["artifacts"][0] | {"uri": ""} == {
        "uri": "",
        "extract": True,
        "executable": False,
        "cache": False,
        "destPath": "a",
    }
    assert container["healthCheck"] == {
        "http": {"endpoint": "http-main", "path": "/", "scheme": "HTTPS"},
        "gracePeriodSeconds": 300,
        "intervalSeconds": 60,
        "maxConsecutiveFailures": 3,
        "timeoutSeconds": 20,
        "delaySeconds": 15,
    }


def test_scheduling_is_shown_whole() -> None:
    assert shown(MINIMAL)["scheduling"] == {
        "backoff": {"backoff": 1.0, "backoffFactor": 1.15, "maxLaunchDelay": 300.0},
        "upgrade": {"minimumHealthCapacity": 1.0, "maximumOverCapacity": 1.0},
        "placement": {},
        "killSelection": "YOUNGEST_FIRST",
        "unreachableStrategy": {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0},
    }


def resident(**scheduling: Any) -> dict[str, Any]:
    """A pod with a persistent volume."""
    mounted = changed(MINIMAL, "containers.0.volumeMounts", [{"name": "v", "mountPath": "m"}])
    return mounted | {"volumes": [{"name": "v", "persistent": {"size": "1g"}}], "scheduling": scheduling}


def test_a_resident_pod_is_updated_in_place_and_never_replaced() -> None:
    scheduling = shown(resident())["scheduling"]
    assert scheduling["upgrade"] == {"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0.0}
    assert scheduling["unreachableStrategy"] == "disabled"


def test_a_resident_pod_keeps_the_upgrade_it_was_given() -> None:
    scheduling = shown(resident(upgrade={"maximumOverCapacity": 0}))["scheduling"]
    assert scheduling["upgrade"] == {"minimumHealthCapacity": 1.0, "maximumOverCapacity": 0.0}


@pytest.mark.parametrize(
    ("given", "told"), [({}, "root"), ({"profileName": "fast"}, "mount"), ({"type": "PATH"}, "path")]
)
def test_a_persistent_volume_shows_its_type_and_its_size_in_mib(given: dict[str, Any], told: str) -> None:
    definition = changed(resident(), "volumes.0.persistent", {"size": "1g"} | given)
    assert shown(definition)["volumes"][0]["persistent"] == {"size": 1024} | given | {"type": told}


def test_sizes_are_shown_in_mib() -> None:
    definition = changed(MINIMAL, "containers.0.resources", {"mem": "1.5g", "disk": "512 KB"})
    assert shown(definition)["containers"][0]["resources"] == {"cpus": 1.0, "mem": 1536.0, "disk": 0.5, "gpus": 0}


@pytest.mark.parametrize(
    ("key", "value"), [("legacySharedCgroups", False), ("linuxInfo", {}), ("secrets", {}), ("volumes", [])]
)
def test_what_says_nothing_is_not_shown(key: str, value: Any) -> None:
    assert key not in shown(MINIMAL | {key: value})


@pytest.mark.parametrize("key", ["linuxInfo", "resourceLimits", "lifecycle"])
def test_what_says_nothing_of_a_container_is_not_shown(key: str) -> None:
    assert key not in shown(changed(MINIMAL, f"containers.0.{key}", {}))["containers"][0]


def test_words_are_shown_in_marathons_spelling() -> None:
    definition = changed(FULL, "scheduling.unreachableStrategy", "Disabled")
    told = shown(definition)
    assert told["scheduling"]["unreachableStrategy"] == "disabled"
    assert told["scheduling"]["killSelection"] == "OLDEST_FIRST"
    assert told["scheduling"]["placement"]["constraints"][0]["operator"] == "MAX_PER"
    assert told["linuxInfo"]["ipcInfo"] == {"mode": "PRIVATE", "shmSize": 64}
    assert told["containers"][0]["resourceLimits"] == {"cpus": "unlimited", "mem": 1024.0}


def test_what_is_said_twice_about_placement_is_kept_once() -> None:
    constraint = {"fieldName": "rack", "operator": "UNIQUE"}
    placement = {"constraints": [constraint, constraint], "acceptedResourceRoles": ["*", "*"]}
    assert shown(MINIMAL | {"scheduling": {"placement": placement}})["scheduling"]["placement"] == {
        "constraints": [constraint],
        "acceptedResourceRoles": ["*"],
    }


ALL = [
    MINIMAL,
    FULL,
    ENDPOINTS,
    MINIMAL | {"networks": [{}]},
    changed(MINIMAL, "containers.0.lifecycle", {}),
    resident(),
]


@pytest.mark.parametrize("definition", ALL)
def test_normalising_twice_changes_nothing_more(definition: dict[str, Any]) -> None:
    once = stored(definition)
    assert normalise(once, SITE) == once


@pytest.mark.parametrize("definition", ALL)
def test_what_is_shown_reads_back_as_what_is_stored(definition: dict[str, Any]) -> None:
    once = stored(definition)
    assert parse(json.dumps(render(once)).encode(), SITE) == once
