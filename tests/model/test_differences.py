"""The differences between two definitions, as people read them."""

from typing import Any

import pytest

from scheduler.model.differences import MOST, Difference, Differences, differences, shown
from scheduler.model.json import Json


def found(before: Json, after: Json) -> list[tuple[str, str | None, str | None]]:
    """The path and values of each difference."""
    return [(each.path, each.before, each.after) for each in differences(before, after).fields]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param({"a": 1}, {"a": 1}, [], id="same"),
        pytest.param({"version": "1"}, {"version": "2"}, [], id="version"),
        pytest.param({"a": 1}, {"a": 2}, [("/a", "1", "2")], id="changed"),
        pytest.param({}, {"a": {"b": [1, "x"]}}, [("/a/b(0)", None, "1"), ("/a/b(1)", None, '"x"')], id="added"),
        pytest.param({"a": {"b": None}}, {}, [("/a/b", "null", None)], id="removed"),
        pytest.param({"a": [1]}, {"a": {"b": 1}}, [("/a", "[1]", '{"b":1}')], id="other type"),
        pytest.param({"a": [1]}, {"a": 0}, [("/a", "[1]", "0")], id="falsy value of another type"),
        pytest.param({"a": {}}, {"a": []}, [("/a", "{}", "[]")], id="empty of another type"),
    ],
)
def test_each_field_that_differs_is_told_with_both_values(before: Json, after: Json, expected: list[Any]) -> None:
    assert found(before, after) == expected


def test_members_with_names_are_compared_by_name() -> None:
    before = {"containers": [{"name": "web", "cpus": 1}, {"name": "log", "cpus": 1}]}
    after = {"containers": [{"name": "new", "cpus": 3}, {"name": "web", "cpus": 2}, {"name": "log", "cpus": 1}]}
    assert found(before, after) == [
        ("/containers(new)/name", None, '"new"'),
        ("/containers(new)/cpus", None, "3"),
        ("/containers(web)/cpus", "1", "2"),
    ]


def test_another_order_is_a_difference() -> None:
    one, two = {"name": "[one]"}, {"name": "two"}
    assert found({"c": [one, two]}, {"c": [two, one]}) == [("/c", '["[one]","two"]', '["two","[one]"]')]


def test_members_with_the_same_name_are_compared_by_place() -> None:
    same = {"name": "x"}
    assert found({"c": [same, same]}, {"c": [same, {"name": "y"}]}) == [("/c(1)/name", '"x"', '"y"')]


def test_values_of_environment_variables_are_not_told() -> None:
    before = {"containers": [{"name": "a", "environment": {"KEY": "hunter2", "OLD": "swordfish", "SAME": "s"}}]}
    after = {
        "containers": [{"name": "a", "environment": {"KEY": {"secret": "db"}, "NEW": "sesame", "SAME": "s"}}],
        "environment": {"X": "open"},
    }
    compared = differences(before, after)
    assert {each.path: each.hidden for each in compared.fields} == {
        "/containers(a)/environment/KEY": False,
        "/containers(a)/environment/NEW": True,
        "/containers(a)/environment/OLD": True,
        "/environment/X": True,
    }
    text = repr(compared)
    assert '{"secret":"db"}' in text
    assert not any(secret in text for secret in ("hunter2", "swordfish", "sesame", "open"))


def test_a_label_that_is_named_like_an_environment_is_told() -> None:
    assert found({"labels": {"environment": "test"}}, {"labels": {"environment": "live"}}) == [
        ("/labels/environment", '"test"', '"live"')
    ]


def test_many_differences_are_cut_and_counted_and_long_values_clipped() -> None:
    before = {"labels": {f"l{number}": "x" * 130_000 for number in range(3)} | {f"m{n}": 0 for n in range(997)}}
    compared = differences(before, {"labels": {}})
    assert (len(compared.fields), compared.left_out) == (MOST, 1000 - MOST)
    assert len(compared.fields[0].before or "") < 600
    assert shown(compared)["differencesLeftOut"] == 1000 - MOST


def test_the_api_shows_absent_and_hidden_values_as_such() -> None:
    told = shown(Differences((Difference("/a", None, "1"), Difference("/e", None, None, hidden=True))))
    assert told == {"differences": [{"path": "/a", "after": "1"}, {"path": "/e", "hidden": True}]}
