"""Regular expressions of users: matched in linear time, and refused by name where the engine lacks something."""

import json
import subprocess
import sys

import pytest

from scheduler.model.definition import PodDefinition
from scheduler.model.patterns import LARGEST, LONGEST, PatternError, matches, size
from scheduler.model.validation import parse
from tests.model.definitions import MINIMAL, SITE, changed, found

# A backtracking engine needs more steps for these than there are atoms in the universe.
EXPLOSIVE = ["(x+x+)+y", "(a|a)*b", "(a*)*b", "(.*a){20}b", "([a-z]+)*!", "(a?){500}a{500}b"]


@pytest.mark.parametrize("pattern", EXPLOSIVE)
def test_no_expression_takes_longer_than_its_text_is_long(pattern: str) -> None:
    """In a process of its own: the engine would hold this one for ever."""
    code = "import sys; from scheduler.model.patterns import matches; print(matches(sys.argv[1], sys.argv[2]))"
    for text in ("a" * 1000, "x" * 1000):
        done = subprocess.run(
            [sys.executable, "-c", code, pattern, text], capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("pattern", "text", "is_like"),
    [
        ("rack-[0-9]", "rack-1", True),
        ("rack-[0-9]", "rack-10", False),  # the whole string
        ("a|b", "b", True),
        ("(?i)RACK", "rack", True),
        (r"\Qa.b\E", "a.b", True),
        (r"\Qa.b\E", "aXb", False),
        (r"\p{L}+", "münchen", True),
        (r"\d+", "\N{ARABIC-INDIC DIGIT ONE}", False),  # as in Java
        ("[[:alpha:]]+", "abc", True),
        (r"[\[&]&", "[&", True),
        ("[^]]", "a", True),
        ("", "", True),
        (".*", "a\nb", False),
        ("ä{2}", "ää", True),
    ],
)
def test_the_syntax_is_that_of_marathon(pattern: str, text: str, is_like: bool) -> None:
    assert matches(pattern, text) is is_like


LACKING = [
    ("(?=a)b", "look-ahead"),
    ("(?!a)b", "look-ahead"),
    ("(?<=a)b", "look-behind"),
    ("(?<!a)b", "look-behind"),
    ("(?>a)b", "an atomic group"),
    (r"(a)\1", "the back-reference \\1"),
    (r"(?P<n>a)\k<n>", "the back-reference \\k"),
    ("a++", "the possessive quantifier ++"),
    ("(?x) a", "the group (?x"),
    (r"a\Z", "the escape \\Z"),
    (r"\p{Alpha}", r"the character class \p{Alpha}"),
    ("a{,3}", "a repetition {,N}"),
    ("a{1001}", "a repetition of more than 1000 times: {1001}"),
    ("a{99999999999999999999}", "a repetition of more than 1000 times"),
    ("[a-z&&[^b]]", "an intersection && of character classes"),
    ("[a-d[m-p]]", "a character class inside of another"),
    ("[]&&a]", "an intersection && of character classes"),
]
WRONG = [
    ("[", "is not a regular expression"),
    ("(", "is not a regular expression"),
    ("*a", "is not a regular expression"),
    ("\\", "is not a regular expression"),
    ("[b-a]", "is not a regular expression"),
    ("a" * (LONGEST + 1), f"has {LONGEST + 1} characters, but a regular expression has at most {LONGEST}"),
    (r"(\pL{0,100}\d{0,100}){0,5}z", "is too large, with all its repetitions"),
    ("\ud800", "is not valid Unicode"),
]


@pytest.mark.parametrize(("pattern", "what"), LACKING)
def test_what_is_lacking_is_refused_by_name(pattern: str, what: str) -> None:
    with pytest.raises(PatternError) as refused:
        size(pattern)
    assert str(refused.value) == f"{pattern!r} uses {what}, which podexec does not support"
    assert matches(pattern, "b") is None


@pytest.mark.parametrize(("pattern", "why"), WRONG, ids=lambda value: ascii(value[:20]))
def test_what_is_wrong_is_refused_with_the_reason(pattern: str, why: str) -> None:
    with pytest.raises(PatternError) as refused:
        size(pattern)
    assert why in str(refused.value)
    assert len(str(refused.value)) < LONGEST + 200
    assert matches(pattern, "b") is None


def test_a_text_that_is_too_long_is_compared_with_none() -> None:
    assert matches(".*", "a" * 1024) is True
    assert matches(".*", "a" * 1025) is None
    assert matches(".*", "\ud800") is None


def test_expressions_are_limited_one_by_one_and_together() -> None:
    large = ".{0,500}!"
    assert size(large) < LARGEST < 2 * size(large)

    def placed(*patterns: str) -> dict[str, object]:
        constraints = [{"fieldName": "rack", "operator": "LIKE", "value": each} for each in patterns]
        return changed(MINIMAL, "scheduling", {"placement": {"constraints": constraints}})

    def on_disks(*patterns: str) -> dict[str, object]:
        mounted = changed(MINIMAL, "containers.0.volumeMounts", [{"name": "v", "mountPath": "v"}])
        kept = {"size": 1, "type": "path", "constraints": [["path", "UNLIKE", each] for each in patterns]}
        return mounted | {"volumes": [{"name": "v", "persistent": kept}], "role": "ops"}

    assert isinstance(parse(json.dumps(placed(large)).encode(), SITE), PodDefinition)
    for made, at in ((placed, "/scheduling/placement/constraints"), (on_disks, "/volumes(0)/persistent/constraints")):
        problems = dict(found(parse(json.dumps(made(large, large)).encode(), SITE)))
        assert "too large together" in problems[at]
        problems = dict(found(parse(json.dumps(made("a", "(?=a)")).encode(), SITE)))
        assert "look-ahead" in problems[f"{at}(1)"]
