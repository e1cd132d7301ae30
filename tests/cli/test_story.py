"""``podexec pod timeline``, and what became of changes in ``pod history``."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from scheduler.cli.addresses import _endpoints
from scheduler.cli.story import parts
from scheduler.core.events import PodPosted
from scheduler.model.records import Condition
from tests.api.test_pods import POD
from tests.cli.conftest import Run
from tests.cli.test_plan import written
from tests.core.support import container, definition
from tests.fakes.loop import FakeLoop


@pytest.fixture
def instance_id(run: Run, url: str, loop: FakeLoop, tmp_path: Path) -> str:
    """An instance that has failed once."""
    run("pod", "add", written(tmp_path, POD))
    loop.run_all()
    loop.now += 1
    loop.tell(Condition.FAILED, "exited with status 3 [red]")
    (only,) = loop.world.instances.values()
    return only.id


def test_a_pods_timeline(run: Run, instance_id: str) -> None:
    shown = run("pod", "timeline", "product/web", "--utc")
    assert shown.code == 0
    ended = "one: exited with status 3 [red]"
    number = instance_id.rpartition("instance-")[2][:8]
    assert re.search(rf"1970-01-12T13:46:41.000Z +ended +{number} +{re.escape(ended)}", shown.out)
    assert instance_id in run("pod", "timeline", "product/web", "-o", "wide").out
    assert re.search(r"created +deployment ", shown.out)
    assert re.search(r"TIME +WHAT +INSTANCE +CONTAINER +CAUSE", shown.out)


def test_an_instances_timeline_in_ages_and_json(run: Run, instance_id: str) -> None:
    shown = run("pod", "timeline", instance_id)
    assert shown.code == 0
    assert re.search(r"\d+d +launched +on a1.example", shown.out)
    told = json.loads(run("pod", "timeline", instance_id, "--json").out)
    assert told["instance"] == instance_id


@pytest.mark.parametrize("subject", ["none", "product_web.instance-none", "x\x1b[31m", "[", ".instance-"])
def test_what_is_not_there(run: Run, instance_id: str, subject: str) -> None:
    shown = run("pod", "timeline", subject)
    assert shown.code == 1
    assert "\x1b" not in shown.err


def test_history_shows_outcomes(run: Run, instance_id: str) -> None:
    shown = run("pod", "history", "/product/web")
    assert re.search(r"\d+d +created .* finished +1970", shown.out)
    assert re.search(r"\d+d ago", shown.out)
    assert "at 1970-01-12T13:46:40.000Z" in run("pod", "history", "/product/web", "--utc").out


def test_an_instance_names_its_pod() -> None:
    assert parts("shop_web.instance-1-2") == ("/shop/web", "shop_web.instance-1-2")
    assert parts("shop/web") == ("shop/web", None)


def test_history_shows_what_each_change_set(run: Run, instance_id: str, loop: FakeLoop, tmp_path: Path) -> None:
    loop.now += 60
    run("pod", "update", written(tmp_path, {**POD, "labels": {"a": "[b]"}}), "--force")
    loop.now += 60
    run("pod", "restart", "/product/web", "--yes", "--force")
    shown = run("pod", "history", "/product/web", "--diff")
    assert shown.code == 0, shown.err
    assert re.search(r"OUTCOME +VERSION +CHANGED", shown.out)
    assert shown.out.count("/labels") == 1
    assert re.search(r"updated .*\+ /labels", shown.out)
    told = json.loads(run("pod", "history", "/product/web", "--diff", "--json").out)
    assert [each["action"] for each in told if "differences" in each] == ["updated"]
    assert "CHANGED" not in run("pod", "history", "/product/web").out


def test_endpoints_have_addresses_on_agents_and_on_networks(run: Run, url: str, loop: FakeLoop) -> None:
    serving = container(name="one", endpoints=[{"name": "http", "hostPort": 0}, {"name": "admin", "hostPort": 0}])
    loop.happens(PodPosted(1, definition(serving, id="/web", networks=[{"mode": "host"}])))
    assert run("pod", "endpoints", "web").out == "/web has no endpoints.\n"
    loop.run_all()
    shown = run("pod", "endpoints", "web")
    (only,) = loop.world.instances.values()
    ports = [port for _, port in only.host_ports]
    assert len(ports) == 2
    for name, port in zip(("http", "admin"), ports, strict=True):
        assert re.search(rf"{only.id.rpartition('instance-')[2][:8]} +one +{name} +a1.example:{port}", shown.out)
    assert run("pod", "endpoints", "web", "-o", "name").out.split() == [f"a1.example:{each}" for each in ports]


@pytest.mark.parametrize(
    ("instance", "endpoint", "address"),
    [
        ({"networks": [{"addresses": ["10.0.0.7"]}]}, {}, "10.0.0.7:80"),
        ({"networks": [{"addresses": ["fd00::7"]}]}, {}, "[fd00::7]:80"),
        ({"networks": [{}]}, {}, ""),
        ({"agentHostname": "node1"}, {"allocatedHostPort": 31000}, "node1:31000"),
        ({}, {"allocatedHostPort": 31000}, ""),
    ],
)
def test_addresses(instance: dict[str, Any], endpoint: dict[str, Any], address: str) -> None:
    status = {
        "spec": {"containers": [{"name": "one", "endpoints": [{"name": "http", "containerPort": 80}]}]},
        "instances": [
            {"id": "i", "containers": [{"name": "one", "endpoints": [{"name": "http", **endpoint}]}], **instance}
        ],
    }
    assert [each["address"] for each in _endpoints(status)] == [address]
