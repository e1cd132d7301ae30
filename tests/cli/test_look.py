"""How lists and single objects are printed: ages, short ids, what fits the terminal, other forms, and watching."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from scheduler.cli import screen, tables
from scheduler.cli.ages import age, duration
from scheduler.cli.changes import Changes
from scheduler.cli.client import Client, ClientError
from scheduler.cli.errors import CommandError
from scheduler.cli.json_template import template
from scheduler.cli.look import Form, Look
from scheduler.cli.short_ids import resolved, short_ids
from scheduler.core.events import PodDeleted, PodPosted, Rollout
from scheduler.model.records import Condition
from tests.cli.conftest import Run
from tests.cli.test_screen import deployment, status
from tests.core.support import container, definition
from tests.fakes.loop import FakeLoop

UUIDS = ("6b0d5a0f-1111-4222-8333-444455556666", "6b0d5a0f-1111-4222-8333-444455557777", "77c8b2d0-0000-4000-8000-000")
LONG = "no such image " * 10_000  # 140 kB


@pytest.fixture
def web(url: str, loop: FakeLoop) -> list[str]:
    """A pod of two instances that run, whose ids are returned; a third one has failed."""
    loop.happens(PodPosted(1, definition(container(name="one"), container(name="two"), id="/web", instances=2)))
    loop.run_all()
    failed, kept = loop.world.instances
    loop.tell(Condition.FAILED, "Command exited with status 3", only=failed)
    return [failed, kept]


# ------------------------------------------------------------------------------- ages


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (0.9, "0s"),
        (119, "119s"),
        (120, "2m"),
        (312, "5m12s"),
        (600, "10m"),
        (7199, "119m"),
        (7200, "2h"),
        (9000, "2h30m"),
        (36_000, "10h"),
        (172_800, "2d"),
        (176_400, "2d1h"),
        (864_000, "10d"),
        (1e15, "11574074074d"),
    ],
)
def test_ages_in_few_characters(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize("text", ["", "soon", "[red]", "9999999-01-01T00:00:00Z", "\x1b[2J"])
def test_what_is_no_time_is_shown_as_it_is(text: str) -> None:
    assert age(text, 1.0) == text


def test_ages_are_by_the_schedulers_clock(run: Run, web: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of which this machine's may be wrong."""
    monkeypatch.setattr(Client, "now", lambda _: 1_000_000.0 + 312)
    listed = run("pod", "list").out
    assert re.search(r"POD +STATUS +INSTANCES +CONTAINERS +AGE +UPDATED", listed)
    assert re.search(r"/web +DEGRADED +1/2 +one, two +5m12s +5m12s", listed)
    listed = run("pod", "list", "--utc").out
    assert re.search(r"POD +STATUS +INSTANCES +CONTAINERS +SINCE +VERSION", listed)
    assert listed.count("1970-01-12T13:46:40.000Z") == 2


# -------------------------------------------------------------------------- short ids


def test_ids_are_as_long_as_tells_them_apart() -> None:
    ids = [f"shop_web.instance-{each}" for each in UUIDS]
    assert list(short_ids(ids[1:]).values()) == ["6b0d5a0f", "77c8b2d0"]
    assert list(short_ids(ids).values()) == list(UUIDS)
    assert short_ids(["a.instance-x", "b.instance-x"]) == {each: each for each in ("a.instance-x", "b.instance-x")}
    assert short_ids([]) == {}


def test_a_short_id_means_the_only_one_that_begins_with_it() -> None:
    ids = [f"shop_web.instance-{each}" for each in UUIDS]
    assert resolved("77", ids, "/w") == resolved("77C8B2D0", ids, "/w") == resolved(ids[2], ids, "/w") == ids[2]
    assert resolved("shop_web.instance-never-launched", ids, "/w") == "shop_web.instance-never-launched"
    with pytest.raises(CommandError, match="2 instances of /w begin with '6b0d'") as ambiguous:
        resolved("6b0d", ids, "/w")
    assert ambiguous.value.details == tuple(ids[:2])
    for text in ("", "[", "\x1b", "88"):
        with pytest.raises(CommandError, match="no instance whose id begins with"):
            resolved(text, ids, "/w")


def test_kill_accepts_short_ids(run: Run, web: list[str], loop: FakeLoop) -> None:
    number = web[1].rpartition("instance-")[2]
    assert run("pod", "kill", "web", "zz").code == 1
    assert not loop.world.instances[web[1]].killing
    killed = run("pod", "kill", "web", number[:8])
    assert (killed.code, killed.out) == (0, f"Instance {web[1]} is being killed.\n")


def test_show_names_the_instance_that_ended_and_says_its_message_once(run: Run, web: list[str]) -> None:
    shown = run("pod", "show", "web").out
    assert web[0] not in shown
    ended = shown[shown.index("Last terminated instances") :]
    number = web[0].rpartition("instance-")[2][:8]
    assert re.search(r"AGE +INSTANCE +CONTAINER +STATE +MESSAGE", ended)
    assert re.search(rf"\d+d +{number} ", ended)
    assert re.search(r" one +TASK_FAILED", ended)
    assert ended.count("Command exited with status 3") == 1
    assert web[0] in run("pod", "show", "web", "-o", "wide").out


# -------------------------------------------------------------------- fits the terminal


def on_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setattr(screen, "is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")


def test_messages_are_cut_to_the_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    one = status("web") | {"terminationHistory": []}
    one["instances"][0] |= {"message": LONG}
    on_terminal(monkeypatch, 100)
    screen.show(*tables.pod(one, Look()))
    shown = capsys.readouterr().out
    (line,) = (each for each in shown.splitlines() if "no such image" in each)
    assert line.rstrip().endswith("…")
    assert all(len(each) <= 100 for each in shown.splitlines())
    screen.show(*tables.pod(one, Look(Form.WIDE)))
    assert capsys.readouterr().out.count("no such") > 50


@pytest.mark.parametrize("columns", [1, 20, 40])
def test_narrow_terminals(columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    on_terminal(monkeypatch, columns)
    for look in (Look(), Look(Form.WIDE)):
        grids = [each for each in tables.pod(status("[web]" * 30), look) if isinstance(each, screen.Grid)]
        screen.show(*grids, tables.deployments([deployment("x" * 500)], look))
        lines = capsys.readouterr().out.splitlines()
        assert lines
        assert all(len(each) <= max(columns, 16) for each in lines), look


def test_in_a_pipe_nothing_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    one = status("web") | {"terminationHistory": []}
    one["instances"][0] |= {"message": "m" * 900}
    screen.show(*tables.pod(one, Look()))
    assert "m" * 900 in capsys.readouterr().out


# ------------------------------------------------------------------------- other forms

LISTS = [("pod", "list"), ("pod", "show", "web"), ("pod", "versions", "web"), ("deployment", "list")]
LISTS += [("pod", "history", "web"), ("pod", "timeline", "web")]
LISTS += [("queue", "list"), ("group", "list"), ("orphan", "list"), ("leader", "show")]


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_json_and_yaml_are_the_same_answer(run: Run, web: list[str], words: tuple[str, ...]) -> None:
    def stable(text: str) -> Any:
        return json.loads(re.sub(r'"(timeLeftSeconds|lastUpdated)": [^,\n]+', r'"\1": 0', text))

    answer = run(*words, "--json").out
    assert stable(run(*words, "-o", "json").out) == stable(answer)
    assert stable(json.dumps(yaml.safe_load(run(*words, "-o", "yaml").out))) == stable(answer)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("pod", "list"), ["/web"]),
        (("pod", "versions", "web"), ["1970-01-12T13:46:40.000Z"]),
        (("deployment", "list"), []),
        (("queue", "list"), ["/web"]),
        (("group", "list"), ["/web"]),
        (("orphan", "list"), []),
    ],
    ids=" ".join,
)
def test_names(run: Run, web: list[str], loop: FakeLoop, words: tuple[str, ...], names: list[str]) -> None:
    loop.now += 60
    expected = [*loop.world.deployments] if words[0] == "deployment" else names
    outcome = run(*words, "-o", "name")
    assert (outcome.code, outcome.out.splitlines(), outcome.err) == (0, expected, "")


def test_names_of_instances_are_whole(run: Run, web: list[str]) -> None:
    assert sorted(run("pod", "show", "web", "-o", "name").out.split()) == sorted(web)


def test_hostile_strings_in_yaml(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "\x1b[2J\x9b\u202e[red]\x00"
    screen.print_yaml({hostile: [hostile, LONG]})
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert not set(printed) & {"\x1b", "\x00"}
    assert yaml.safe_load(printed) == {hostile: [hostile, LONG]}


def test_forms_that_contradict(run: Run, web: list[str]) -> None:
    refused = run("pod", "list", "--json", "-o", "yaml")
    assert (refused.code, "--json and --output yaml cannot be combined" in refused.err) == (2, True)
    assert run("pod", "list", "-o", "xml").code == 2
    assert json.loads(run("pod", "list", "--json", "-o", "json").out)


# ---------------------------------------------------------------------------- jsonpath


@pytest.mark.parametrize(
    ("template", "printed"),
    [
        ("{[*].id}", "/web\n"),
        (".[0].status", "DEGRADED\n"),
        ('{range [*]}{.id}{"\\t"}{.spec.scaling.instances}{"\\n"}{end}', "/web\t2\n"),
        ('{range [*]}{range .spec.containers[*]}{.name}{","}{end}{end}', "one,two,\n"),
        ("{$[0].spec.containers[?(@.name=='two')].name}", "two\n"),
        ('{[*].spec.containers[?(@.name == "t{o")].name}', ""),
        ("{[*].spec.containers[*].name} and {[0]['id']}", "one two and /web\n"),
        ("{..scaling}", '{"kind": "fixed", "instances": 2}\n'),
        ("{.none}", ""),
        ("{range [*]}{@.id}{end}{'{}'}", "/web{}\n"),
    ],
)
def test_a_jsonpath_prints_parts_of_the_answer(run: Run, web: list[str], template: str, printed: str) -> None:
    outcome = run("pod", "list", "-o", f"jsonpath={template}")
    assert (outcome.code, outcome.out, outcome.err) == (0, printed, "")


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("", "the template is empty"),
        ("{.id", "'{' at character 1 has no counterpart"),
        ("{.id}}", "'}' at character 6 has no counterpart"),
        ("{id}", "{id} is not a path: it must begin with '.'"),
        ("{range [*]}{.id}", "{range} without {end}"),
        ("{.id}{end}", "{end} without {range}"),
        ("{[*}", "{[*} is not a JSONPath: unexpected"),
        ("{.a\\.b}", "write a key with a dot as ['a.b']"),
        ('{"\\q"}', "is not a string"),
        ("{range .}" * 11, "ranges are nested more than 10 levels deep"),
        ("x" * 10_001, "longer than 10,000 characters"),
        ("{" + "[?(" * 3000 + "}", "is not a JSONPath"),
        ("{.\x1b[2J}", "is not a JSONPath"),
    ],
    ids=range(13),
)
def test_what_is_no_jsonpath_is_told_before_anything_is_asked(run: Run, template: str, problem: str) -> None:
    outcome = run("pod", "list", "-o", f"jsonpath={template}", "--url", "http://127.0.0.1:1")
    assert (outcome.code, problem in outcome.err, "\x1b" in outcome.err) == (2, True, False), outcome.err


def test_a_jsonpath_is_needed_and_refuses_json(run: Run) -> None:
    assert "not one of table, wide, json, yaml, name, jsonpath=TEMPLATE" in run("pod", "list", "-o", "jsonpath").err
    assert run("pod", "list", "-o", "jsonpath={.id}", "--json").code == 2


def test_found_strings_do_not_control_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = template("{.message}").filled({"message": "a\x1b[2J\n\u202eb"})
    screen.print_text(filled)
    assert capsys.readouterr().out == "a\x1b[2J\n\u202eb\n"
    on_terminal(monkeypatch, 80)
    screen.print_text(filled)
    assert "\x1b" not in capsys.readouterr().out


# ---------------------------------------------------------------------------- watching


def when_waiting(monkeypatch: pytest.MonkeyPatch, *moves: Callable[[], object]) -> None:
    """Each wait for changes makes the next of these moves; then Ctrl-C is pressed."""
    left = list(moves)

    def wait(_changes: Changes, _seconds: float) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop(0)()

    monkeypatch.setattr(Changes, "wait", wait)
    monkeypatch.setattr("scheduler.cli.look._RETRY", 0)


def test_a_pipe_gets_a_block_after_every_change(
    run: Run, web: list[str], loop: FakeLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    when_waiting(
        monkeypatch,
        lambda: None,
        lambda: loop.happens(PodPosted(2, definition(id="/second"))),
        lambda: loop.happens(PodDeleted(3, "/second", Rollout(force=True))),
    )
    outcome = run("group", "list", "--watch")
    assert (outcome.code, outcome.err) == (130, "")
    assert [("/second" in block) for block in outcome.out.split("\n\n")] == [False, True, False]
    assert outcome.out.count("GROUP OR POD") == 3


def test_json_is_printed_again_after_every_change(
    run: Run, web: list[str], loop: FakeLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    when_waiting(monkeypatch, lambda: loop.happens(PodPosted(2, definition(id="/second"))))
    outcome = run("pod", "list", "-w", "-o", "name")
    assert outcome.out.split() == ["/web", "/second", "/web"]


def test_watching_survives_a_scheduler_that_is_away_and_ends_when_it_refuses(
    run: Run, web: list[str], loop: FakeLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = Client.statuses
    broken: list[bool] = []

    def statuses(client: Client) -> Any:
        if broken:
            raise ClientError("no scheduler answers")
        return answer(client)

    monkeypatch.setattr(Client, "statuses", statuses)
    when_waiting(monkeypatch, lambda: broken.append(True), lambda: None, broken.clear)
    outcome = run("pod", "list", "--watch")
    assert (outcome.code, outcome.err) == (130, "no scheduler answers; trying again\n")
    assert outcome.out.count("/web") == 1, "nothing has changed"
    when_waiting(monkeypatch, lambda: loop.happens(PodDeleted(3, "/web", Rollout(force=True))))
    outcome = run("pod", "show", "web", "--watch")
    assert (outcome.code, "Pod '/web' does not exist" in outcome.err) == (1, True)


def test_a_terminal_is_drawn_again(run: Run, web: list[str], loop: FakeLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    on_terminal(monkeypatch, 80)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")  # Rich takes it for a terminal then
    when_waiting(monkeypatch, lambda: loop.happens(PodPosted(2, definition(id="/a[b]"))))
    outcome = run("pod", "list", "--watch")
    assert outcome.code == 130
    assert "\x1b[1A" in outcome.out, "it goes up to draw over what it drew"
    assert "/a[b]" in outcome.out
