"""Launches with references to secrets, as they are sent to the master."""

import base64
import copy
import json
from typing import Any

from podexec.wire import ContainerOptions, TaskData
from scheduler.loop.ports import SecretError
from scheduler.mesos.secrets import Undelivered, with_secrets
from scheduler.model.sizes import LARGEST_LAUNCH

Json = dict[str, Any]


class Vault:
    """A source that remembers what it was asked."""

    def __init__(self, **values: bytes) -> None:
        self.values = values
        self.asked: list[str] = []

    def value(self, source: str) -> bytes:
        self.asked.append(source)
        if source not in self.values:
            raise SecretError("the vault has none")
        return self.values[source]


def reference(name: str) -> Json:
    return {"type": "REFERENCE", "reference": {"name": name}}


def value(data: bytes) -> Json:
    return {"type": "VALUE", "value": {"data": base64.b64encode(data).decode()}}


def variable(name: str, secret: Json) -> Json:
    return {"name": name, "type": "SECRET", "secret": secret}


def container(secret: Json, credentials: Json) -> Json:
    volume = {"container_path": "key", "mode": "RO", "source": {"type": "SECRET", "secret": secret}}
    image = {"type": "DOCKER", "docker": {"name": "web:1", "config": credentials}}
    return {"type": "MESOS", "mesos": {"image": image}, "volumes": [volume, {"host_path": "/x", "mode": "RW"}]}


def task(name: str, variables: list[Json], **more: Any) -> Json:
    command = {"shell": True, "value": "run", "environment": {"variables": [{"name": "A", "value": "a"}, *variables]}}
    return {"name": name, "task_id": {"value": f"{name}.1"}, "agent_id": {"value": "agent"}, "command": command} | more


def test_secrets_are_added_to_the_executors_other_data() -> None:
    behaviour = ContainerOptions(essential=False)
    data = TaskData(behaviour=behaviour).encode()
    call = accept(launch(task("web", [variable("PW", reference("/db"))], data=data), task("side", [], data=data)))
    sent, undelivered = with_secrets(call, Vault(**{"/db": b"hush"}))
    web, side = sent["accept"]["operations"][0]["launch_group"]["task_group"]["tasks"]
    told = TaskData.decode(web["data"])
    assert (told.behaviour, list(told.parts)) == (behaviour, ["command"])
    assert side["data"] == data
    assert undelivered == ()


def launch(*tasks: Json, executor: str = "CUSTOM") -> Json:
    return {
        "type": "LAUNCH_GROUP",
        "launch_group": {"executor": {"type": executor}, "task_group": {"tasks": list(tasks)}},
    }


def accept(*operations: Json) -> Json:
    inner = {"offer_ids": [{"value": "o"}], "operations": list(operations), "filters": {"refuse_seconds": 5.0}}
    return {"type": "ACCEPT", "accept": inner, "framework_id": {"value": "f"}}


def tasks_of(call: Json) -> list[Json]:
    return [
        task for operation in call["accept"]["operations"] for task in operation["launch_group"]["task_group"]["tasks"]
    ]


def test_a_secret_variable_gets_its_value_and_the_rest_stays() -> None:
    call = accept(launch(task("one", [variable("PW", reference("/pw"))], labels={"labels": []}), executor="DEFAULT"))
    before = copy.deepcopy(call)
    sent, undelivered = with_secrets(call, Vault(**{"/pw": b"hush"}))
    expected = task("one", [variable("PW", value(b"hush"))], labels={"labels": []})
    assert sent == accept(launch(expected, executor="DEFAULT"))
    assert undelivered == ()
    assert call == before, "the core's own launch was changed"


def test_our_executor_gets_values_where_mesos_does_not_show_them() -> None:
    referring = task(
        "one", [variable("PW", reference("/pw"))], container=container(reference("/key"), reference("/pull"))
    )
    sent, _ = with_secrets(accept(launch(referring)), Vault(**{"/pw": b"hush", "/key": b"hush\xff\0", "/pull": b"{}"}))
    (told,) = tasks_of(sent)
    data = told.pop("data")
    assert told == referring
    valued = task("one", [variable("PW", value(b"hush"))], container=container(value(b"hush\xff\0"), value(b"{}")))
    assert TaskData.decode(data).parts == {"command": valued["command"], "container": valued["container"]}


def test_a_part_without_secrets_is_not_sent_twice() -> None:
    plain = {"type": "MESOS"}
    sent, _ = with_secrets(
        accept(launch(task("one", [variable("PW", reference("/pw"))], container=plain))), Vault(**{"/pw": b"hush"})
    )
    (told,) = tasks_of(sent)
    assert list(TaskData.decode(told["data"]).parts) == ["command"]


def test_mesos_own_executor_gets_them_in_the_container_itself() -> None:
    operation = launch(task("one", [], container=container(reference("/k"), reference("/k"))), executor="DEFAULT")
    sent, _ = with_secrets(accept(operation), Vault(**{"/k": b"hush"}))
    (told,) = tasks_of(sent)
    assert told["container"] == container(value(b"hush"), value(b"hush"))
    assert "data" not in told


def test_a_launch_without_secrets_is_sent_as_it_is() -> None:
    call = accept(launch(task("one", [], container={"type": "MESOS"}), {"task_id": {"value": "bare"}}))
    vault = Vault()
    assert with_secrets(call, vault) == (call, ())
    assert vault.asked == []


def test_other_calls_and_operations_pass() -> None:
    vault = Vault()
    kill = {"type": "KILL", "kill": {"task_id": {"value": "t"}}}
    assert with_secrets(kill, vault) == (kill, ())
    reserve = accept({"type": "RESERVE", "reserve": {"resources": []}})
    assert with_secrets(reserve, vault) == (reserve, ())


def test_only_the_launch_that_lacks_a_secret_is_left_out_and_all_its_tasks_are_named() -> None:
    good = launch(task("good", [variable("PW", reference("/pw"))]))
    bad = launch(task("bad", []), task("worse", [variable("PW", reference("/none"))]))
    sent, undelivered = with_secrets(accept(good, bad), Vault(**{"/pw": b"hush"}))
    assert [task["name"] for task in tasks_of(sent)] == ["good"]
    message = "secret '/none' cannot be delivered: the vault has none"
    assert undelivered == (Undelivered(("bad.1", "worse.1"), "agent", message),)


def test_a_call_of_which_nothing_is_left_gives_the_offer_back() -> None:
    call = accept(launch(task("bad", [variable("PW", reference("/none"))])))
    sent, undelivered = with_secrets(call, Vault())
    decline = {"offer_ids": [{"value": "o"}], "filters": {"refuse_seconds": 5.0}}
    assert sent == {"type": "DECLINE", "decline": decline, "framework_id": {"value": "f"}}
    assert len(undelivered) == 1


def test_a_source_is_asked_once_in_a_call_and_again_in_the_next() -> None:
    call = accept(
        *(launch(task(name, [variable("A", reference("/a")), variable("B", reference("/b"))])) for name in "xyz")
    )
    vault = Vault(**{"/a": b"1"})
    with_secrets(call, vault)
    assert vault.asked == ["/a", "/b"]
    vault.values = {"/a": b"2", "/b": b"3"}
    sent, _ = with_secrets(call, vault)
    assert vault.asked == ["/a", "/b"] * 2
    command = TaskData.decode(tasks_of(sent)[0]["data"]).parts["command"]
    assert value(b"2") in [each.get("secret") for each in command["environment"]["variables"]]


def test_what_no_variable_can_hold_is_refused_without_being_told() -> None:
    for data, meaning in ((b"hush\0", "it contains a NUL byte"), (b"hush\xff", "it is not UTF-8 text")):
        call = accept(launch(task("one", [variable("PW", reference("/pw"))])))
        _, (undelivered,) = with_secrets(call, Vault(**{"/pw": data}))
        assert undelivered.message == f"secret '/pw' cannot be delivered in a variable: {meaning}"


def test_what_is_sent_is_json() -> None:
    call = accept(launch(task("one", [variable("PW", reference("/pw"))], container=container(reference("/pw"), {}))))
    sent, _ = with_secrets(call, Vault(**{"/pw": "hüsh".encode()}))
    assert json.loads(json.dumps(sent)) == sent


def test_a_secret_that_makes_a_container_too_large_fails_the_launch_with_a_clear_word() -> None:
    for size, words in ((LARGEST_LAUNCH // 2, None), (LARGEST_LAUNCH, "'web' cannot be started: with its command")):
        call = accept(launch(task("web", [variable("PW", reference("/db"))])))
        _, undelivered = with_secrets(call, Vault(**{"/db": b"x" * size}))
        assert [words is not None and words in each.message for each in undelivered] == [True] * (words is not None)


def of_pod(pod: str, secret: str) -> Json:
    """A launch of a pod as the core writes its ids."""
    one = task("web", [variable("PW", reference(secret))], container=container(reference(secret), reference("/ca")))
    return launch(one | {"task_id": {"value": f"{pod}.instance-6f1e0c1e-0000-4000-8000-000000000000.web.1"}})


def test_a_secret_that_the_pod_may_not_use_is_not_even_asked_for() -> None:
    """Also the credentials of an image, and also if Mesos would look the value up."""
    vault = Vault(**{"/a/pw": b"hush", "/ca": b"{}"})
    call = accept(of_pod("a_web", "/a/pw"), of_pod("b_web", "/a/pw"), of_pod("c", "/ca"))
    asked: list[tuple[str, str]] = []

    def forbids(pod_id: str, source: str) -> str | None:
        asked.append((pod_id, source))
        is_allowed = source == "/ca" if pod_id == "/b/web" else pod_id == "/a/web"
        return None if is_allowed else f"not for {pod_id}"

    for secrets in (vault, None):
        sent, undelivered = with_secrets(call, secrets, forbids)
        assert len(tasks_of(sent)) == 1
        assert [each.message for each in undelivered] == [
            "secret '/a/pw' is not delivered: not for /b/web",
            "secret '/ca' is not delivered: not for /c",
        ]
    assert ("/a/web", "/ca") in asked
    assert tasks_of(sent)[0] == tasks_of(call)[0], "without a source, references stay"
    assert vault.asked == ["/a/pw", "/ca"]
