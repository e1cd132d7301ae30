"""``podexec pod render``: the operation on stdout, or the reasons why there is none on stderr."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.core.support import container, offer, scalar

UUID = "00000000-0000-0000-0000-000000000000"


def pod(*containers: Any, **fields: Any) -> dict[str, Any]:
    """A definition as a user writes it."""
    return {"id": "/shop/web", "containers": list(containers) or [container()], **fields}


def written(folder: Path, *documents: Any, name: str = "pod.json") -> str:
    """A file with these documents."""
    file = folder / name
    file.write_text(json.dumps(documents[0] if len(documents) == 1 else list(documents)))
    return str(file)


def test_the_operation_is_printed_with_ids_that_are_always_the_same(run: Run, tmp_path: Path) -> None:
    file = written(tmp_path, pod(container(endpoints=[{"name": "a", "hostPort": 0}])))
    first, second = run("pod", "render", file), run("pod", "render", file)

    assert (first.code, first.err) == (0, "")
    assert first == second
    operation = json.loads(first.out)
    assert set(operation) == {"type", "launch_group"}
    group = operation["launch_group"]
    assert group["executor"]["type"] == "DEFAULT"
    assert group["executor"]["executor_id"] == {"value": f"instance-shop_web.{UUID}"}
    assert [task["task_id"]["value"] for task in group["task_group"]["tasks"]] == [f"shop_web.instance-{UUID}.main.1"]
    variables = {
        each["name"]: each["value"] for each in group["task_group"]["tasks"][0]["command"]["environment"]["variables"]
    }
    assert variables["MARATHON_APP_VERSION"] == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    "fields",
    [
        {"executorResources": {"cpus": 64, "mem": 100_000, "disk": 5000}},
        {"containers": [container(resources={"cpus": 99, "mem": 1e6, "disk": 1e6, "gpus": 8}), container("b")]},
        {"containers": [container(endpoints=[{"name": "a", "hostPort": 80}, {"name": "b", "hostPort": 31000}])]},
    ],
)
def test_without_an_offer_there_is_always_enough(run: Run, tmp_path: Path, fields: dict[str, Any]) -> None:
    outcome = run("pod", "render", written(tmp_path, pod(**fields)))

    assert (outcome.code, outcome.err) == (0, "")


def test_the_schedulers_options_count(run: Run, tmp_path: Path) -> None:
    file = written(
        tmp_path, pod(container(endpoints=[{"name": "a", "containerPort": 80}]), networks=[{"mode": "container"}])
    )
    options = ["--default-network-name", "dcos", "--env-vars-prefix", "x_", "--mesos-role", "web"]
    group = json.loads(run("pod", "render", file, "--executor", "http://repo/podexec.pyz", *options).out)[
        "launch_group"
    ]

    assert group["executor"]["type"] == "CUSTOM"
    assert group["executor"]["command"]["uris"][0]["value"] == "http://repo/podexec.pyz"
    assert group["executor"]["container"]["network_infos"] == [{"name": "dcos"}]
    assert group["executor"]["resources"][0]["allocation_info"] == {"role": "web"}
    names = {each["name"] for each in group["task_group"]["tasks"][0]["command"]["environment"]["variables"]}
    assert "X_ENDPOINT_A" in names


def test_a_given_offer_is_used(run: Run, tmp_path: Path) -> None:
    given = written(tmp_path, offer("O7", "A7", hostname="node7"), name="offer.json")
    group = json.loads(run("pod", "render", written(tmp_path, pod()), "--offer", given).out)["launch_group"]

    assert group["task_group"]["tasks"][0]["agent_id"] == {"value": "A7"}
    assert group["executor"]["resources"] == [scalar("cpus", 0.1), scalar("mem", 32), scalar("disk", 10)]


def test_an_offer_may_leave_out_who_it_is_from(run: Run, tmp_path: Path) -> None:
    given = written(tmp_path, {"resources": offer()["resources"]}, name="offer.json")

    assert run("pod", "render", written(tmp_path, pod()), "--offer", given).code == 0


def test_every_reason_why_an_offer_does_not_fit_is_told(run: Run, tmp_path: Path) -> None:
    scheduling = {"placement": {"constraints": [{"fieldName": "rack", "operator": "LIKE", "value": "b"}]}}
    given = written(tmp_path, offer(cpus=0.15, mem=40), name="offer.json")
    outcome = run("pod", "render", written(tmp_path, pod(scheduling=scheduling)), "--offer", given)

    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.splitlines() == [
        "podexec: the offer does not fit /shop/web",
        "  UnfulfilledConstraint: wanted rack LIKE b; offered no rack",
        "  InsufficientCpus: wanted 0.2; offered 0.15",
        "  InsufficientMemory: wanted 64; offered 40",
    ]


def test_an_offer_to_another_role_does_not_fit(run: Run, tmp_path: Path) -> None:
    given = written(tmp_path, offer(), name="offer.json")
    words = ("pod", "render", written(tmp_path, pod()), "--offer", given, "--new-group-enforce-role")

    assert run(*words, "off").code == 0
    assert run(*words, "top").err.splitlines()[1:] == ["  UnfulfilledRole: wanted shop; offered *"]


def test_constraints_do_not_matter_where_the_offer_is_made_up(run: Run, tmp_path: Path) -> None:
    scheduling = {"placement": {"constraints": [{"fieldName": "rack", "operator": "IS", "value": "b"}]}}

    assert run("pod", "render", written(tmp_path, pod(scheduling=scheduling))).code == 0


def test_a_pod_with_persistent_volumes_is_launched_on_what_is_reserved_for_it(run: Run, tmp_path: Path) -> None:
    asked: dict[str, Any] = {
        "main": {"size": 100},
        "part": {"type": "path", "size": 5, "constraints": [["path", "LIKE", "/ssd/.*"]]},
        "whole": {"size": 7, "profileName": "fast"},
    }
    document = pod(
        container("main", volumeMounts=[{"name": name, "mountPath": name} for name in asked]),
        role="shop",
        volumes=[{"name": name, "persistent": members} for name, members in asked.items()],
    )
    words = ("pod", "render", written(tmp_path, document), "--mesos-authentication-principal", "ops")
    executor = json.loads(run(*words).out)["launch_group"]["executor"]

    disks = [each for each in executor["resources"] if "disk" in each]
    assert [each["disk"]["persistence"]["id"].split("#")[1] for each in disks] == list(asked)
    assert [each["scalar"]["value"] for each in disks] == [100, 5, 7]
    assert {each["reservations"][0]["principal"] for each in executor["resources"]} == {"ops"}

    given = written(tmp_path, offer(role="shop"), name="offer.json")
    outcome = run(*words, "--offer", given)
    assert outcome.code == 1
    assert "InsufficientDisk: wanted volume part: path of 5 path LIKE /ssd/.*; offered 0" in outcome.err


def test_accepted_roles_are_offered(run: Run, tmp_path: Path) -> None:
    file = written(tmp_path, pod(scheduling={"placement": {"acceptedResourceRoles": ["web"]}}))
    executor = json.loads(run("pod", "render", file, "--mesos-role", "web").out)["launch_group"]["executor"]

    assert executor["resources"][0]["reservations"] == [{"type": "STATIC", "role": "web"}]


def test_a_definition_that_is_not_valid_is_told_with_its_problems(run: Run, tmp_path: Path) -> None:
    outcome = run("pod", "render", written(tmp_path, pod(container("a"), container("a"), user="")))

    assert (outcome.code, outcome.out) == (1, "")
    assert [line.partition(":")[0].strip() for line in outcome.err.splitlines()][1:] == ["/user", "/containers"]


@pytest.mark.parametrize(
    "given", [{"resources": [{"name": "cpus"}]}, {"resources": 3}, {"agent_id": "A"}, [1], [{}, {}], {"domain": []}]
)
def test_what_is_no_offer_is_told(run: Run, tmp_path: Path, given: Any) -> None:
    file = tmp_path / "offer.json"
    file.write_text(json.dumps(given))
    outcome = run("pod", "render", written(tmp_path, pod()), "--offer", str(file))

    assert (outcome.code, outcome.out) == (2, "")
    assert "offer" in outcome.err


def test_each_definition_of_a_file_is_rendered(run: Run, tmp_path: Path) -> None:
    outcome = run("pod", "render", written(tmp_path, pod(), pod(id="/other")))

    assert outcome.code == 0
    assert outcome.out.count('"LAUNCH_GROUP"') == 2
