"""Groups as the API shows them."""

from scheduler.core.views.groups import group_versions, group_view
from scheduler.model.json import Json
from tests.core.support import Story, definition


def grown() -> Story:
    """Pods in a group and below it, one second apart; the first was changed after the second came."""
    story = Story()
    story.subscribe()
    for asked in (definition(id="/shop/web"), definition(id="/shop/back/db"), definition(id="/shop/web", instances=2)):
        story.put(asked)
        story.wait(1)
    return story


def view(story: Story, group_id: str, **asked: object) -> Json:
    found = group_view(story.world, group_id, story.now, **asked)
    assert found is not None
    return found


def test_a_group_has_its_pods_and_its_groups_have_theirs() -> None:
    story = grown()
    root = view(story, "/")
    (shop,) = root["groups"]
    (back,) = shop["groups"]

    assert [each["id"] for each in (root, shop, back)] == ["/", "/shop", "/shop/back"]
    assert [[pod["id"] for pod in each["pods"]] for each in (root, shop, back)] == [
        [],
        ["/shop/web"],
        ["/shop/back/db"],
    ]
    assert back["groups"] == root["apps"] == root["dependencies"] == []


def test_its_version_is_that_of_its_newest_pod() -> None:
    story = grown()
    first, second, third = group_versions(story.world, "/shop")

    assert first < second < third
    assert view(story, "/shop")["version"] == third
    assert view(story, "/shop/back")["version"] == second


def test_as_of_a_version_newer_pods_are_not_there_and_others_have_the_version_they_had() -> None:
    story = grown()
    first, second, _ = group_versions(story.world, "/shop")
    then = view(story, "/", at=first)

    assert (then["version"], then["groups"][0]["version"]) == (first, first)
    assert then["groups"][0]["groups"] == []
    assert view(story, "/shop", at=second)["version"] == second
    assert group_view(story.world, "/shop/back", story.now, at=first) is None


def test_only_the_parts_that_are_asked_for_are_shown() -> None:
    story = grown()

    assert {"pods", "groups", "apps"}.isdisjoint(view(story, "/shop", parts=()))
    assert "pods" in view(story, "/shop", parts=("group.pods",))


def test_the_root_is_always_there_and_no_other_group_without_pods() -> None:
    story = Story()

    assert view(story, "/")["version"] == group_versions(story.world, "/")[0] == "1970-01-01T00:00:00.000Z"
    assert group_view(story.world, "/shop", story.now) is None
    assert group_versions(story.world, "/shop") == []
