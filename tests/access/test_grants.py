"""Decisions: what rules grant on which paths."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.access.grants import BELOW, EVERYWHERE, LONGEST_PATH, compiled, problem_of
from scheduler.access.permissions import EVERYTHING, INSIDE, ROLES, Permission, Role

SEGMENTS = st.lists(st.sampled_from(["a", "b", "team", "team-a", "a.b"]), min_size=1, max_size=4)
IDS = SEGMENTS.map(lambda names: "/" + "/".join(names))
GROUPS = st.one_of(st.just(""), IDS)
PATHS = st.one_of(IDS, GROUPS.map(lambda group: group + BELOW))
RULES = st.lists(st.tuples(PATHS, st.frozensets(st.sampled_from(Permission), min_size=1)), max_size=8)


def stands_for(rule: str, asked: str) -> bool:
    """Whether a rule's path covers what is asked about, in the words of docs/access.md."""
    if not rule.endswith(BELOW):
        return rule == asked
    return asked.startswith(rule.removesuffix("**"))


@settings(max_examples=500, derandomize=True, database=None)
@given(rules=RULES, permission=st.sampled_from(Permission), asked=PATHS)
def test_a_permission_is_granted_if_one_of_the_rules_says_so(
    rules: list[tuple[str, frozenset[Permission]]], permission: Permission, asked: str
) -> None:
    expected = any(permission in allowed and stands_for(path, asked) for path, allowed in rules)
    assert compiled(rules).may(permission, asked) == expected


@settings(max_examples=200, derandomize=True, database=None)
@given(rules=RULES, more=RULES, permission=st.sampled_from(Permission), asked=PATHS)
def test_rules_add_up_in_any_order_and_none_takes_anything_away(
    rules: list[tuple[str, frozenset[Permission]]],
    more: list[tuple[str, frozenset[Permission]]],
    permission: Permission,
    asked: str,
) -> None:
    both = compiled([*rules, *more])
    assert both == compiled([*more, *rules])
    assert both.may(permission, asked) or not compiled(rules).may(permission, asked)


@pytest.mark.parametrize(
    ("rule", "granted", "refused"),
    [
        (
            "/team-a/**",
            ["/team-a/web", "/team-a/x/y", "/team-a/**", "/team-a/x/**"],
            ["/team-a", "/team-ab/web", "/**"],
        ),
        ("/team-a/web", ["/team-a/web"], ["/team-a/web/x", "/team-a/webs", "/team-a/**", "/team-a/web/**", "/"]),
        (EVERYWHERE, ["/", "/web", "/a/b/c", "/**", "/a/**"], []),
        ("/a", ["/a"], ["/a/**", "/a/b", "/", "/**"]),
    ],
)
def test_what_a_path_stands_for(rule: str, granted: list[str], refused: list[str]) -> None:
    grants = compiled([(rule, EVERYTHING)])
    assert [each for each in (*granted, *refused) if grants.may(Permission.VIEW, each)] == granted


def test_a_path_of_a_request_may_have_any_depth() -> None:
    grants = compiled([("/a/b/**", EVERYTHING)])
    assert grants.may(Permission.VIEW, "/a/b" + "/x" * 30_000)
    assert not grants.may(Permission.VIEW, "/x" * 30_000)


@pytest.mark.parametrize("path", ["/**", "/web", "/team-a/**", "/team-a/x.y/web"])
def test_paths_that_rules_can_have(path: str) -> None:
    assert problem_of(path) is None


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "slash"),
        ("/", "all pods"),
        ("team/**", "slash"),
        ("/team/*", "'*'"),
        ("/*/web", "'*'"),
        ("/te**", "'*'"),
        ("/**/web", "'*'"),
        ("/Team/web", "id of a pod"),
        ("/team//web", "id of a pod"),
        ("/team/", "id of a pod"),
        ("/team/../web", "id of a pod"),
        ("/team/..", "id of a pod"),
        ("/../**", "id of a pod"),
        ("//**", "id of a pod"),
        ("/a b", "id of a pod"),
        ("/a\n", "id of a pod"),
        ("/" + LONGEST_PATH * "a", "longer"),
    ],
)
def test_a_path_that_would_not_mean_what_it_seems_to_is_refused(path: str, reason: str) -> None:
    assert reason in (problem_of(path) or "")


def test_each_role_includes_the_one_before() -> None:
    assert ROLES[Role.VIEW] < ROLES[Role.OPERATE] < ROLES[Role.ADMIN] == EVERYTHING
    assert ROLES[Role.VIEW] & INSIDE == {Permission.LOGS, Permission.USAGE}
    assert ROLES[Role.OPERATE] >= INSIDE
