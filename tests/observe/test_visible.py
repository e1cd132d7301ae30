"""Text from outside, made safe to show."""

import json
import re
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from scheduler.observe.visible import clipped, visible, visible_json, visible_with_colours, without_colours

ANY_TEXT = st.text(st.characters(exclude_categories=()))
COLOURS = re.compile(r"\x1b\[[0-9;:]*m")


def is_harmless(text: str) -> bool:
    """Whether all of it is visible: no control, format or separator characters, and no half of a surrogate pair."""
    return all(each.isprintable() or unicodedata.category(each) == "Zs" for each in text)


@given(ANY_TEXT)
@example("\x1b]0;title\x07\x9b31m\x7f\r\n\u202e\u200b\ufeff\ud800\U000e0041\u2028")
def test_nothing_is_left_but_what_is_seen(text: str) -> None:
    assert is_harmless(visible(text))
    assert is_harmless(visible(text, lines=True).replace("\n", "").replace("\t", ""))


@given(ANY_TEXT.filter(is_harmless))
def test_what_is_seen_stays_as_it_is(text: str) -> None:
    assert visible(text) == re.sub(
        "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\U000e0100-\U000e01ef]",
        lambda found: found[0].encode("unicode_escape").decode(),
        text,
    )


@given(
    st.dictionaries(ANY_TEXT, ANY_TEXT | st.sampled_from(["\x9b2J", "\x7f", "\u202e", "\U000e0041", "\ud800", "ü🙂"]))
)
def test_json_means_the_same_and_all_of_it_is_seen(value: dict[str, str]) -> None:
    for ensure_ascii in (True, False):
        shown = visible_json(json.dumps(value, ensure_ascii=ensure_ascii))
        assert is_harmless(shown)
        assert json.loads(shown) == json.loads(json.dumps(value))


def test_what_is_not_is_shown_as_an_escape() -> None:
    assert visible("a\x1b[2Jb\nc\u202ed\udc80") == "a\\x1b[2Jb\\nc\\u202ed\\udc80"
    assert visible("über 漢字 🙂 a\u00a0b") == "über 漢字 🙂 a\u00a0b"


@given(st.lists(ANY_TEXT | st.sampled_from(["\x1b[31m", "\x1b[0m", "\x1b[8m", "\x1b[38;5;8mX", "\x1b[2J"])))
def test_a_line_keeps_its_colours_and_ends_with_them(pieces: list[str]) -> None:
    shown = visible_with_colours("".join(pieces))
    assert is_harmless(COLOURS.sub("", shown).replace("\t", ""))
    if "\x1b" in shown:
        assert shown.endswith("\x1b[0m")


def test_colours_that_conceal_are_none() -> None:
    assert visible_with_colours("\x1b[31mred") == "\x1b[31mred\x1b[0m"
    assert visible_with_colours("\x1b[38;5;8mgrey") == "\x1b[38;5;8mgrey\x1b[0m"
    for hiding in ("\x1b[8m", "\x1b[1;8m", "\x1b[38;5;1;8m", "\x1b[08m"):
        assert visible_with_colours(f"{hiding}x").startswith("\\x1b[")
    assert without_colours("\x1b[31mred\x1b[2J") == "red\x1b[2J"


def test_what_is_long_is_clipped_and_says_so() -> None:
    assert clipped("x" * 10, 10) == "x" * 10
    assert clipped("x" * 131_072, 10) == "xxxxxxxxxx… (131072 characters)"
