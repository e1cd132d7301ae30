"""The stored form: what is filled in, and that filling in, rendering and reading again change nothing more."""

import json
from typing import Any

import pytest

from scheduler.model.definition import PodDefinition, render
from scheduler.model.normalisation import normalise
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
        "killSelection": "YOUNGEST_FIRST",
    }


ALL = [MINIMAL, FULL, ENDPOINTS, MINIMAL | {"networks": [{}]}, changed(MINIMAL, "containers.0.lifecycle", {})]


@pytest.mark.parametrize("definition", ALL)
def test_normalising_twice_changes_nothing_more(definition: dict[str, Any]) -> None:
    once = stored(definition)
    assert normalise(once, SITE) == once


@pytest.mark.parametrize("definition", ALL)
def test_what_is_shown_reads_back_as_what_is_stored(definition: dict[str, Any]) -> None:
    once = stored(definition)
    assert parse(json.dumps(render(once)).encode(), SITE) == once
