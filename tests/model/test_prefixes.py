"""Patterns of pod ids."""

import pytest

from scheduler.model.prefixes import matches_any, path_pattern


@pytest.mark.parametrize(
    ("pattern", "named", "not_named"),
    [
        ("/**", ("/a", "/a/b", "/team-a.x/b/c"), ()),
        ("/a/**", ("/a", "/a/b", "/a/b/c"), ("/ab", "/b/a", "/a-b/c", "/", "/a.b")),
        ("/a/b", ("/a/b",), ("/a", "/a/b/c", "/a/bc", "/c/a/b")),
        ("/a/b.c/**", ("/a/b.c/d",), ("/a/bxc/d", "/a/b")),
    ],
)
def test_a_pattern_names_whole_segments_only(pattern: str, named: tuple[str, ...], not_named: tuple[str, ...]) -> None:
    read = path_pattern(pattern)

    assert [each for each in (*named, *not_named) if read.matches(each)] == list(named)
    assert str(read) == pattern


_MALFORMED = (
    *("", "/", "**", "a", "a/**", "/a/", "/a//b", "/a/*", "/*", "/a/**/b", "/a**", "//**"),
    *("/a/../b", "/A", "/a b", "/a\n"),
)


@pytest.mark.parametrize("text", _MALFORMED)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"slash|not the id"):
        path_pattern(text)


def test_one_pattern_of_several_is_enough() -> None:
    patterns = [path_pattern("/a"), path_pattern("/b/**")]

    assert matches_any(patterns, "/b/c")
    assert not matches_any(patterns, "/a/c")
    assert not matches_any((), "/a")
