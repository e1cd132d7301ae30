"""``::versions``: the kept versions of a pod, as long as it exists."""

import pytest

from tests.api.app import Api
from tests.api.test_pods import POD
from tests.fakes.loop import FakeLoop


@pytest.fixture
def versions(api: Api, loop: FakeLoop) -> list[str]:
    """The two versions of a pod that was scaled."""
    first = api("POST", "/v2/pods", json=POD).json()["version"]
    loop.run_all()
    loop.now += 60
    second = api("PUT", "/v2/pods/product/web", json=POD | {"scaling": {"instances": 2}}).json()["version"]
    return [first, second]


@pytest.mark.parametrize("path", ["/v2/pods/product/web::versions", "/v2/pods//product/web/::versions/"])
def test_all_versions(api: Api, versions: list[str], path: str) -> None:
    assert api("GET", path).json() == versions


@pytest.mark.parametrize("ending", ["::versions/{}", "/::versions/{}/"])
def test_each_version_is_the_pod_as_it_was(api: Api, versions: list[str], ending: str) -> None:
    old, new = (api("GET", f"/v2/pods/product/web{ending.format(version)}").json() for version in versions)
    assert (old["version"], old["scaling"]["instances"]) == (versions[0], 1)
    assert new == api("GET", "/v2/pods/product/web").json()


@pytest.mark.parametrize("spelled", ["1970-01-12T13:46:40Z", "1970-01-12T14:46:40.000%2B01:00"])
def test_a_version_is_a_time_however_it_is_written(api: Api, versions: list[str], spelled: str) -> None:
    assert versions[0] == "1970-01-12T13:46:40.000Z"
    assert api("GET", f"/v2/pods/product/web::versions/{spelled}").json()["version"] == versions[0]


def test_a_refused_change_makes_no_version(api: Api, versions: list[str]) -> None:
    assert api("PUT", "/v2/pods/product/web", json=POD | {"user": ""}).status_code == 422
    assert api("PUT", "/v2/pods/product/web", json=POD).status_code == 409
    assert api("GET", "/v2/pods/product/web::versions").json() == versions


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("none::versions", "Pod '/none' does not exist"),
        ("none::versions/2020-01-01T00:00:00.000Z", "Pod '/none' does not exist"),
        (
            "product/web::versions/2020-01-01T00:00:00Z",
            "Version '2020-01-01T00:00:00.000Z' of pod '/product/web' does not exist",
        ),
    ],
)
def test_what_is_not_there(api: Api, versions: list[str], path: str, message: str) -> None:
    answer = api("GET", f"/v2/pods/{path}")
    assert answer.status_code == 404
    assert answer.json() == {"message": message, "details": []}


def test_history_goes_with_the_pod(api: Api, versions: list[str]) -> None:
    api("DELETE", "/v2/pods/product/web?force=true")
    assert api("GET", "/v2/pods/product/web::versions").status_code == 404
    assert api("GET", f"/v2/pods/product/web::versions/{versions[0]}").status_code == 404


@pytest.mark.parametrize("version", ["latest", "2020-01-01", "2020-01-01T00:00:00", "9999-12-31T23:59:59-23:00"])
def test_what_is_no_time(api: Api, versions: list[str], version: str) -> None:
    answer = api("GET", f"/v2/pods/product/web::versions/{version}")
    assert answer.status_code == 422
    assert version in answer.json()["message"]
