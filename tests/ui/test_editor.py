"""The editor of definitions: completion, problems at their lines, JSON and YAML, and texts that are kept."""

import json
import re
from pathlib import Path

import pytest
from msgspec import structs
from playwright.sync_api import Dialog, Locator, Page, expect

from scheduler.cli.definitions import read
from scheduler.model.json import Json
from tests.ui.browser import Watched
from tests.ui.desk import Desk, pod

PATIENCE = 5_000.0  # milliseconds in which a page that does not freeze has answered


def editor_of(page: Page, form: str = "JSON") -> Locator:
    """The field to write in."""
    return page.get_by_label(f"Definition in {form}")


def open_editor(desk: Desk, page: Page, form: str = "JSON") -> None:
    """The page of a new pod, with nothing in it yet."""
    page.goto(f"{desk.url}/ui/#/new?form={form.lower()}")
    replace(page, "", form)


def replace(page: Page, text: str, form: str = "JSON") -> None:
    """Write a text instead of what is there."""
    editor_of(page, form).click()
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(text)


def text_of(page: Page, form: str = "JSON") -> str:
    """Of the visible lines."""
    return editor_of(page, form).inner_text()


def check(page: Page) -> None:
    """Ask for problems and the plan."""
    page.get_by_role("button", name="Check and plan").click()


def choose(page: Page, label: str) -> None:
    """Take what is offered, by the keyboard."""
    option = page.get_by_role("option").filter(has_text=re.compile(re.escape(label)))
    expect(option).to_have_count(1)
    expect(option).to_have_attribute("aria-selected", "true")
    page.wait_for_timeout(100)  # CodeMirror accepts a completion only some time after it is shown
    page.keyboard.press("Enter")


def test_a_pod_is_written_checked_and_created(desk: Desk, page: Page) -> None:
    page.goto(f"{desk.url}/ui/#/new")
    expect(editor_of(page)).to_contain_text('"id": "/hello"')
    replace(page, '{"id": "/web",\n"containers": [{"name": "app"}')
    check(page)
    expect(page.get_by_role("alert")).to_contain_text("1 problem")
    expect(page.get_by_role("alert")).to_contain_text("line 2")
    replace(page, '{"id": "/web", "containers": [{"name": "app", "resources": {"cpus": 0.1, "mem": 32}}]}')
    check(page)
    expect(page.get_by_label("What it will do")).to_contain_text("created")
    page.get_by_role("button", name="Create the pod").click()
    expect(page).to_have_url(re.compile("#/pod/web$"))
    assert desk.http.get("/v2/pods/web").json()["containers"][0]["name"] == "app"


def test_a_pod_is_edited_without_its_version(desk: Desk, page: Page) -> None:
    desk.add(pod("/web"))
    desk.launch()
    page.goto(f"{desk.url}/ui/#/edit/web")
    expect(editor_of(page)).to_contain_text('"id": "/web"')
    assert '"version"' not in text_of(page)
    replace(
        page,
        '{"id": "/web", "labels": {"new": "one"},"containers": [{"name": "app", "resources": {"cpus": 1, "mem": 32}}]}',
    )
    check(page)
    expect(page.get_by_label("What it will do")).to_contain_text("/labels/new")
    page.get_by_role("button", name="Update the pod").click()
    expect(page).to_have_url(re.compile("#/pod/web$"))
    assert desk.http.get("/v2/pods/web").json()["labels"] == {"new": "one"}


WRONG = {
    "JSON": '{\n"id": "/web",\n"labels": {"a/b(0)": "/resources/cpus"},\n"containers": [\n'
    '{"name": "app",\n"resources": {"cpus": -1,\n"mem": 32}}\n]\n}',
    "YAML": "id: /web\nlabels: {a/b(0): /resources/cpus}\n# a comment\ncontainers:\n- name: app\n  resources:\n"
    "    mem: 32\n    cpus: -1\n",
}


@pytest.mark.parametrize(("form", "line"), [("JSON", 6), ("YAML", 8)])
def test_problems_are_at_their_lines(desk: Desk, page: Page, watched: Watched, form: str, line: int) -> None:
    watched.expected.append("422")
    open_editor(desk, page, form)
    replace(page, WRONG[form], form)
    check(page)
    expect(page.get_by_role("alert")).to_contain_text(f"line {line} /containers(0)/resources/cpus")
    expect(page.locator(".cm-lint-marker-error")).to_have_count(1)
    page.get_by_role("button", name=f"line {line}").click()
    expect(editor_of(page, form)).to_be_focused()
    assert desk.http.get("/v2/pods").json() == []


@pytest.mark.parametrize(
    ("form", "text", "said"),
    [
        ("JSON", '{"id": "/web",\n\n"containers": [}', "line 3"),
        ("JSON", "[" * 10_000, "nested more than 200 levels"),
        ("JSON", "[]", "is an object with an id and containers"),
        ("JSON", '{"containers": []}', "/id A definition needs an id"),
        ("YAML", "id: /web\ncontainers: [\n", "line 3"),
        ("YAML", "id: /web\nlabels: *none\n", "line 2 / Nothing before it has the anchor &none"),
        ("YAML", "id: /web\nlabels: &a\n  b: *a\n", "contains itself"),
        ("YAML", "id: /web\nlabels: !!binary eA==\n", "line 2"),
        ("YAML", "id: /web\nscaling: {instances: .nan}\n", "line 2 / JSON cannot represent this number"),
        ("YAML", "id: /web\n---\nid: /other\n", "line 3 / The editor takes one definition at a time"),
        ("YAML", "a: [" + "1," * 60_000 + "]", "too much YAML"),
        (
            "YAML",
            "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)),
            "more than 100000 values",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(
    desk: Desk, page: Page, form: str, text: str, said: str
) -> None:
    open_editor(desk, page, form)
    replace(page, text, form)
    check(page)
    expect(page.get_by_role("alert")).to_contain_text(said)
    expect(page.get_by_label("What it will do")).to_have_count(0)


def test_the_plan_says_what_is_missing(desk: Desk, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    world = desk.api.loop.world
    monkeypatch.setattr(world, "settings", structs.replace(world.settings, hold_offer_duration=60))
    large = pod("/large", instances=2)
    large["containers"][0]["resources"] = {"cpus": 700, "mem": 32}
    desk.add(large | {"id": "/waiting"})
    desk.run(lambda api: api.loop.offers())
    open_editor(desk, page)
    replace(page, json.dumps(large))
    check(page)
    plan = page.get_by_label("What it will do")
    expect(plan).to_contain_text("0 of 2 fit on the agent as it is now.")
    expect(plan).to_contain_text("CPUs: wants 700.1, 1 agent has")


def test_repeated_keys_are_marked_and_the_last_counts(desk: Desk, page: Page) -> None:
    open_editor(desk, page, "YAML")
    replace(page, "id: /old\ncontainers: [{name: app, resources: {cpus: 0.1, mem: 32}}]\nid: /web\n", "YAML")
    expect(page.locator(".cm-lint-marker-warning")).to_have_count(1)
    check(page)
    expect(page.get_by_label("What it will do")).to_contain_text("/web")


def test_members_and_values_are_completed_from_the_schema_in_json(desk: Desk, page: Page) -> None:
    open_editor(desk, page)
    page.keyboard.insert_text('{"id": "/web", "networks": [{"mode": "host"}, {}], "containers": [{}]}')
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    page.keyboard.type('"res')  # the editor adds the closing quote
    expect(page.get_by_role("option").filter(has_text="mode")).to_have_count(0)
    page.keyboard.type("ources")
    options = page.get_by_role("option")
    expect(options).to_have_count(2)
    expect(page.locator(".cm-completionInfo")).to_contain_text("0.5")
    expect(options.first).to_contain_text('"resources"')
    page.wait_for_timeout(100)  # CodeMirror accepts a completion only some time after it is shown
    page.keyboard.press("Enter")
    page.keyboard.type('"gp')
    choose(page, '"gpus"')
    page.keyboard.type("1")
    assert text_of(page).strip().endswith('"containers": [{"resources": {"gpus": 1}}]}')


def test_values_of_an_enumeration_are_completed(desk: Desk, page: Page) -> None:
    open_editor(desk, page)
    page.keyboard.insert_text('{"networks": [{')
    page.keyboard.type('"mo')
    choose(page, '"mode"')  # which opens the list of its values
    expect(page.get_by_role("option")).to_have_count(3)
    page.keyboard.type("ho")
    choose(page, '"host"')
    expect(editor_of(page)).to_have_text('{"networks": [{"mode": "host"')


def test_members_and_values_are_completed_in_yaml(desk: Desk, page: Page) -> None:
    open_editor(desk, page, "YAML")
    page.keyboard.type("net")
    choose(page, "networks")
    page.keyboard.type("mo")
    choose(page, "mode")
    page.keyboard.type("bri")
    choose(page, "container/bridge")
    expect(editor_of(page, "YAML")).to_have_text("networks:  - mode: container/bridge")
    page.keyboard.press("Enter")
    page.keyboard.type("mod")
    expect(page.get_by_role("option")).to_have_count(0)  # it is there already
    replace(page, "containers:\n- name: app\n  exec:\n    command:\n      shell: |\n        ", "YAML")
    page.keyboard.type("res")
    expect(page.get_by_role("option")).to_have_count(0)  # it is a script


# What YAML 1.1, as PyYAML reads it, means by what looks like something else to others.
ODD_YAML = """\
id: /odd  # a comment
base: &base {a: 1, b: two}
labels:
  <<: *base
  b: own
environment:
  BOOLEANS: [yes, no, on, Off, true, FALSE, y, n]
  NUMBERS: [010, 0x1F, 0b11, 1_000, 1:30, 1.5, 1.e+3, 1e3, .5, -0, +7, 08, 1.50]
  NULLS: {a: ~, b: null, c: Null, d: , e: ""}
  STRINGS: [2026-01-31, 12:30:45x, "yes", 'it''s', "\\u00e9\\t", a b, x:y]
  LINES: |
    one
      two
  FOLDED: >-
    one
    two
  2: one
  yes: two
  ~: three
  __proto__: {x: 1}
containers:
- &app
  name: app
- <<: [*app, {name: other, user: nobody}]
"""


def sent(page: Page, text: str) -> Json:
    """What the scheduler is asked to plan if a YAML text is checked."""
    replace(page, text, "YAML")
    with page.expect_request(lambda request: "::plan" in request.url) as asked:
        check(page)
    found: Json = asked.value.post_data_json
    return found


def test_yaml_means_what_it_means_to_the_command_line(desk: Desk, page: Page, watched: Watched, tmp_path: Path) -> None:
    watched.expected.append("422")
    open_editor(desk, page, "YAML")
    file = tmp_path / "pod.yaml"
    file.write_text(ODD_YAML)
    assert sent(page, ODD_YAML) == json.loads(json.dumps(read(str(file))[0]))


def test_what_is_shown_as_yaml_is_read_as_the_same_by_the_command_line(desk: Desk, page: Page, tmp_path: Path) -> None:
    strings = ["yes", "n", "010", "1e3", "1.0e+3", "1:30", "2026-01-31", "", "~", "=", "<<", "- x", "a: b", "#", "x "]
    strings += ["two\nlines\n", "\ttab", "\x7f", "\u2028", "\ufeff", "é😀", "'", '"', "{}", "*a", "&a", "!x", "%"]
    labels = {f"l{number}": each for number, each in enumerate(strings)} | {each: "key" for each in strings if each}
    desk.add(pod("/web", labels=labels))
    page.goto(f"{desk.url}/ui/#/pod/web?tab=definition")
    page.get_by_role("button", name="YAML").click()
    shown = page.get_by_label("The definition", exact=True)
    expect(shown).to_contain_text("/web")
    file = tmp_path / "pod.yaml"
    file.write_text(shown.text_content() or "")
    assert read(str(file))[0] == desk.http.get("/v2/pods/web").json()


def test_a_pod_is_written_in_yaml(desk: Desk, page: Page) -> None:
    open_editor(desk, page, "YAML")
    replace(page, "id: /web  # mine\ncontainers:\n- name: app\n  resources: {cpus: 0.1, mem: 32}\n", "YAML")
    check(page)
    expect(page.get_by_label("What it will do")).to_contain_text("created")
    page.get_by_role("button", name="Create the pod").click()
    expect(page).to_have_url(re.compile("#/pod/web$"))
    assert desk.http.get("/v2/pods/web").json()["containers"][0]["resources"]["cpus"] == 0.1


def test_the_form_is_switched(desk: Desk, page: Page) -> None:
    desk.add(pod("/web", labels={"answer": "no"}))
    page.goto(f"{desk.url}/ui/#/edit/web")
    expect(editor_of(page)).to_contain_text('"answer": "no"')
    page.get_by_role("button", name="YAML").click()
    expect(editor_of(page, "YAML")).to_contain_text('answer: "no"')
    expect(page).to_have_url(re.compile(r"form=yaml"))
    replace(page, "id: /web  # one\nlabels: {answer: 'yes'}\n", "YAML")
    page.get_by_role("button", name="JSON").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("comments are lost")
    question.get_by_role("button", name="Lose the comments").click()
    expect(editor_of(page)).to_contain_text('"answer": "yes"')
    replace(page, '{"id": ')
    page.get_by_role("button", name="YAML").click()
    expect(page.get_by_role("alert")).to_contain_text("line 1")
    expect(editor_of(page)).to_have_text('{"id": ')


@pytest.mark.parametrize("form", ["JSON", "YAML"])
def test_a_long_text_does_not_freeze_the_page(desk: Desk, page: Page, watched: Watched, form: str) -> None:
    watched.expected.append("422")
    open_editor(desk, page, form)
    page.set_default_timeout(PATIENCE)
    value = '\\"' * 65_000  # 130,000 characters, each pair of which might end a string
    replace(page, f'{{"id": "/web", "containers": [{{"name": "app"}}], "labels": {{"long": "{value}", ', form)
    page.keyboard.type('"a": "b"}', delay=20)
    check(page)
    expect(page.get_by_role("alert")).to_contain_text("line 1", timeout=PATIENCE)
    page.keyboard.press("Control+End")


def test_tab_leaves_the_editor(desk: Desk, page: Page) -> None:
    open_editor(desk, page)
    expect(editor_of(page)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Check and plan")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(editor_of(page)).to_be_focused()


def test_an_unsubmitted_text_is_kept_until_it_is_discarded(desk: Desk, page: Page) -> None:
    open_editor(desk, page, "YAML")
    replace(page, "id: /half-written\n", "YAML")
    page.get_by_role("link", name="Queue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Queue")
    page.get_by_role("link", name="New pod").click()
    expect(editor_of(page, "YAML")).to_have_text("id: /half-written")
    page.get_by_role("button", name="Discard it").click()
    expect(editor_of(page)).to_contain_text("/hello")
    page.get_by_role("link", name="Queue").click()
    page.get_by_role("link", name="New pod").click()
    expect(editor_of(page)).to_contain_text("/hello")


def test_the_browser_asks_before_it_loses_a_text(desk: Desk, page: Page) -> None:
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    open_editor(desk, page)
    replace(page, '{"id": "/half-written"}')
    with page.expect_event("dialog"):
        page.close(run_before_unload=True)
    page.get_by_role("link", name="Queue").click()
    with page.expect_event("dialog"):  # the text is kept
        page.close(run_before_unload=True)
    assert asked == ["beforeunload"] * 2
    page.get_by_role("link", name="New pod").click()
    page.get_by_role("button", name="Discard it").click()
    expect(editor_of(page)).to_contain_text("/hello")
    with page.expect_event("close"):
        page.close(run_before_unload=True)
    assert len(asked) == 2


def test_a_kept_text_does_not_overwrite_what_others_changed_meanwhile(desk: Desk, page: Page, watched: Watched) -> None:
    watched.expected.append("412")
    desk.add(pod("/web"))
    desk.launch()
    page.goto(f"{desk.url}/ui/#/edit/web")
    replace(page, json.dumps(pod("/web", labels={"mine": "1"})))
    page.get_by_role("link", name="Queue").click()
    desk.http.put("/v2/pods/web", json=pod("/web", labels={"theirs": "1"})).raise_for_status()
    desk.launch()
    page.goto(f"{desk.url}/ui/#/edit/web")
    expect(editor_of(page)).to_contain_text("mine")
    check(page)
    page.get_by_role("button", name="Update the pod").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert desk.http.get("/v2/pods/web").json()["labels"] == {"theirs": "1"}
