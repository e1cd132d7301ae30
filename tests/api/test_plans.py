"""``POST /v2/pods/ID::plan``, and changes that are made only to the version that was planned for."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from scheduler.access.tokens import new_token
from scheduler.api.access import Access
from scheduler.core.events import Event, OffersReceived, PodPut
from scheduler.model.records import Condition
from tests.access.principals import rule, token_record, write
from tests.api.app import Api
from tests.api.teams import Teams, definition
from tests.api.test_openapi import problems
from tests.api.test_pods import POD
from tests.core.support import offer
from tests.fakes.loop import SETTINGS, FakeLoop

PLAN = "/v2/pods/product/web::plan"
IMAGE = {"image": {"kind": "DOCKER", "id": "nginx:2"}}
CHANGED = POD | {"containers": [POD["containers"][0] | IMAGE], "environment": {"TOKEN": "swordfish"}}


@pytest.fixture
def web(api: Api, loop: FakeLoop) -> str:
    """A running pod; its version."""
    version: str = api("POST", "/v2/pods", json=POD).json()["version"]
    loop.run_all()
    loop.asked.clear()
    return version


@pytest.mark.parametrize("path", [PLAN, f"{PLAN}/", "/v2/pods//product/web/::plan", "/v2/pods/product%2Fweb::plan"])
def test_a_plan_says_what_would_change_and_changes_nothing(api: Api, loop: FakeLoop, web: str, path: str) -> None:
    definitions, events = dict(loop.world.definitions), loop.bus.last
    answer = api("POST", path, json=CHANGED)
    assert answer.status_code == 200, answer.text
    planned = answer.json()
    assert (planned["basedOn"], planned["changes"], planned["action"]) == (web, True, "replace")
    assert {each["path"] for each in planned["differences"]} == {
        "/containers(one)/image/kind",
        "/containers(one)/image/id",
        "/environment/TOKEN",
    }
    assert "swordfish" not in answer.text
    assert problems(planned, "PodPlan") == []
    assert loop.world.definitions == definitions
    assert (loop.asked, loop.bus.last) == ([], events)
    assert not loop.world.deployments


def test_the_plan_of_what_is_there_and_of_what_is_not(api: Api, web: str) -> None:
    same = api("POST", PLAN, json=POD).json()
    assert (same["changes"], same["differences"]) == (False, [])
    new = api("POST", "/v2/pods/new::plan", json=POD | {"id": "/new"}).json()
    assert (new["action"], "basedOn" in new) == ("create", False)
    assert problems(same, "PodPlan") == problems(new, "PodPlan") == []


def test_missing_room_is_told_as_in_the_queue(api: Api, loop: FakeLoop) -> None:
    loop.offers(offer("O-0"))
    big = POD | {"containers": [POD["containers"][0] | {"resources": {"cpus": 100, "mem": 32}}]}
    api("POST", "/v2/pods", json=big | {"id": "/waits"})
    loop.happens(OffersReceived((offer("O-1", cpus=2),)))
    fit = api("POST", "/v2/pods/waits::plan", json=big | {"id": "/waits", "scaling": {"instances": 2}}).json()["fit"]
    if "placed" in fit:
        assert fit["nearest"][0]["reason"] == "InsufficientCpus"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        pytest.param(PLAN, {"id": "/product/web"}, 422, id="not a definition"),
        pytest.param(PLAN, POD | {"id": "/other"}, 400, id="another pod"),
        pytest.param(PLAN, POD | {"dependencies": ["/none"]}, 422, id="absent dependency"),
        pytest.param(PLAN, POD | {"labels": {"x\x00": "["}}, 422, id="control characters"),
        pytest.param(f"{PLAN}?batchSize=0", POD, 400, id="batch size"),
        pytest.param(f"{PLAN}::x", POD, 405, id="suffix"),
        pytest.param(f"/v2/pods/{'a' * 20_000}::plan", POD, 400, id="long id"),
    ],
)
def test_what_would_be_refused_is_refused(api: Api, web: str, path: str, body: Any, status: int) -> None:
    answer = api("POST", path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["message"]


def test_a_plan_for_a_pod_that_is_being_changed_names_the_deployment(api: Api, loop: FakeLoop, web: str) -> None:
    changing = api("PUT", "/v2/pods/product/web", json=CHANGED).headers["Marathon-Deployment-Id"]
    assert api("POST", PLAN, json=POD).json()["conflicts"] == [changing]


def test_a_thousand_differing_fields_are_cut(api: Api, web: str) -> None:
    labels = {f"label-{number}[": "x" * 20 for number in range(900)}
    answer = api("POST", PLAN, json=POD | {"labels": labels})
    assert answer.json().get("differencesLeftOut") == 700, answer.text[:500]
    assert len(answer.content) < 150_000


def test_only_those_who_may_update_and_view_may_plan(tmp_path: Path) -> None:
    teams = Teams(tmp_path)
    path, body = "/v2/pods/team-a/web::plan", definition("/team-a/web", dependencies=["/team-a/db"])
    by_user = {
        user: teams.ask(user, "POST", path, json=body).status_code
        for user in ("root", "boss", "alice", "watcher", "reader", "logger", "stranger")
    }
    assert by_user == {
        **dict.fromkeys(("root", "boss", "alice"), 200),
        **dict.fromkeys(("watcher", "reader", "logger", "stranger"), 403),
    }
    hidden = definition("/team-a/web", dependencies=["/team-b/hidden"])
    assert teams.ask("alice", "POST", path, json=hidden).status_code == 403
    assert not teams.loop.asked


def test_a_plan_shows_what_is_there_only_to_those_who_may_view_it(tmp_path: Path, loop: FakeLoop) -> None:
    """Who may only operate can change the pod, but the plan would show the current definition."""
    token = new_token()
    users = {"blind": {"tokens": [token_record(token)]}}
    file = write(tmp_path / "principals.json", users, rule("blind", "/**", None, **{"with": ["operate"]}))
    api = Api(loop, Access(principals=file))
    headers = {"Authorization": f"Bearer {token}"}
    assert api("POST", "/v2/pods", json=POD, headers=headers).status_code == 201
    answer = api("POST", PLAN, json=POD, headers=headers)
    assert answer.status_code == 403
    assert "lacks 'view'" in answer.json()["message"]


class TestIfMatch:
    def test_a_change_of_the_version_that_is_there_is_made(self, api: Api, web: str) -> None:
        answer = api("PUT", "/v2/pods/product/web", json=CHANGED, headers={"If-Match": f'"{web}"'})
        assert answer.status_code == 200

    @pytest.mark.parametrize("header", ['"{}"', "{}", '"2020-01-01T00:00:00.000Z", "{}"'])
    def test_several_versions_and_none_quoted_may_be_given(self, api: Api, web: str, header: str) -> None:
        answer = api("PUT", "/v2/pods/product/web", json=CHANGED, headers={"If-Match": header.format(web)})
        assert answer.status_code == 200

    @pytest.mark.parametrize("pod_id", ["/product/web", "/absent"])
    def test_a_change_of_another_version_is_refused_and_changes_nothing(
        self, api: Api, loop: FakeLoop, web: str, pod_id: str
    ) -> None:
        before = dict(loop.world.definitions)
        other = {"If-Match": '"2020-01-01T00:00:00.000Z"'}
        answer = api("PUT", f"/v2/pods{pod_id}", json=CHANGED | {"id": pod_id}, headers=other)
        assert answer.status_code == 412
        assert pod_id in answer.json()["message"]
        assert loop.world.definitions == before

    @pytest.mark.parametrize("header", ["", "*", "x" * 5000, "2020-01-01", '"\\x1b["', ","])
    def test_what_is_no_version_is_refused(self, api: Api, loop: FakeLoop, web: str, header: str) -> None:
        answer = api("PUT", "/v2/pods/product/web", json=CHANGED, headers={"If-Match": header})
        assert answer.status_code == 400
        assert "If-Match" in answer.json()["message"]
        assert not loop.asked

    def test_the_version_is_compared_in_the_turn_of_the_change(self, api: Api, loop: FakeLoop, web: str) -> None:
        """So that nothing comes between: the event itself has it."""
        api("PUT", "/v2/pods/product/web", json=CHANGED, headers={"If-Match": f'"{web}"'})
        (event,) = loop.asked
        assert isinstance(event, PodPut)
        assert event.based_on == (web,)
        loop.tell(Condition.RUNNING)
        again = api("PUT", "/v2/pods/product/web", json=POD, headers={"If-Match": f'"{web}"'})
        assert again.status_code == 412


def test_a_plan_is_no_change_in_the_history(api: Api, web: str) -> None:
    api("POST", PLAN, content=json.dumps(CHANGED), headers={"Content-Type": "application/json"})
    assert [each["action"] for each in api("GET", "/v2/pods/product/web::history").json()] == ["created"]


def test_offers_are_asked_for_if_there_are_none(
    api: Api, loop: FakeLoop, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For that moment; then it is known whether more instances fit."""
    loop.now += 60
    submit = loop.submit

    def answered(event: Event) -> None:
        submit(event)
        loop.happens(OffersReceived((offer("O-9", cpus=0.25),)))

    monkeypatch.setattr(loop, "submit", answered)
    monkeypatch.setattr(loop.world, "settings", replace(SETTINGS, hold_offer_duration=60))
    fit = api("POST", PLAN, json=POD | {"scaling": {"instances": 3}}).json()["fit"]
    assert (fit["asked"], fit["placed"], fit["nearest"][0]["reason"]) == (2, 1, "InsufficientCpus")
