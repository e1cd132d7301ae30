"""``podexec pod validate`` and ``podexec pod schema``: all errors of all files, with their lines, and no scheduler."""

import io
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from tests.cli.conftest import Run

GOOD = """\
id: /good
containers:
- name: one
  resources: {mem: 64mb}
"""

BAD = """\
# two things are wrong
id: /bad
containers:
- name: one
  resources:
    mem: 64
    disk: "1"
  endpoints:
  - name: WEB
---
id: /worse
containers:
- name: one
  resources: {}
  healthCheck:
    tcp: {endpoint: web}
acceptedRoles: []
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of the command, so that file names are short."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_valid_file(run: Run, folder: Path) -> None:
    (folder / "good.yaml").write_text(GOOD)
    outcome = run("pod", "validate", "good.yaml")
    assert (outcome.code, outcome.out) == (0, "good.yaml: /good is valid\n")


def test_a_pod_and_a_group_of_one_id_are_told_over_all_files(run: Run, folder: Path) -> None:
    """As the scheduler would refuse the second one."""
    (folder / "good.yaml").write_text(GOOD)
    (folder / "below.yaml").write_text(GOOD.replace("/good", "/good//below/"))
    (folder / "above.yaml").write_text(f"{GOOD.replace('/good', '/a/b')}---\n{GOOD.replace('/good', '/a')}")
    outcome = run("pod", "validate", "good.yaml", "below.yaml", "above.yaml")
    assert outcome.code == 1
    assert outcome.out.splitlines() == [
        "good.yaml: /good is valid",
        "below.yaml:1: /id: /good is a pod and cannot contain other pods: choose another id",
        "above.yaml: /a/b is valid",
        "above.yaml:6: /id: /a is a group that contains pods: choose another id",
    ]


def test_all_errors_of_all_files_are_told_with_their_lines(run: Run, folder: Path) -> None:
    (folder / "bad.yaml").write_text(BAD)
    (folder / "good.yaml").write_text(GOOD)
    outcome = run("pod", "validate", "bad.yaml", "nowhere.json", "good.yaml")
    assert outcome.code == 1
    lines = outcome.out.splitlines()
    assert lines[0].startswith("bad.yaml:7: /containers(0)/resources/disk: is neither a number of MiB nor a size")
    assert lines[1] == "bad.yaml:9: /containers(0)/endpoints(0)/name: contains characters that are not allowed"
    assert lines[2] == "bad.yaml:16: /containers(0)/healthCheck/tcp/endpoint: container one has no endpoint web"
    assert lines[3] == "bad.yaml:17: warning: /acceptedRoles: is not a known key"
    assert lines[4].startswith("nowhere.json: cannot read nowhere.json")
    assert lines[5:] == ["good.yaml: /good is valid"]


def test_a_missing_key_is_told_at_the_line_of_what_lacks_it(run: Run, folder: Path) -> None:
    (folder / "pod.json").write_text('[{"id": "/a",\n\t"containers": [\n\t{"resources": {}}\n]}]')
    outcome = run("pod", "validate", "pod.json")
    assert (outcome.code, outcome.out) == (1, "pod.json:3: /containers(0)/name: is required\n")


def test_a_problem_that_marathon_tells_elsewhere_is_told_at_its_line(run: Run, folder: Path) -> None:
    (folder / "pod.yaml").write_text(GOOD + "scheduling:\n  placement:\n    acceptedResourceRoles: [dev]\n")
    outcome = run("pod", "validate", "pod.yaml")
    assert outcome.code == 1
    assert outcome.out.startswith("pod.yaml:7: /acceptedResourceRoles: ")
    assert run("pod", "validate", "pod.yaml", "--mesos-role", "dev").code == 0


def test_groups_may_insist_on_their_role(run: Run, folder: Path) -> None:
    (folder / "pod.json").write_text(
        '{"id": "/product/web", "role": "*", "containers": [{"name": "a", "resources": {}}]}'
    )
    assert run("pod", "validate", "pod.json").code == 0
    outcome = run("pod", "validate", "pod.json", "--new-group-enforce-role", "top")
    assert (outcome.code, outcome.out) == (1, "pod.json:1: /role: must be one of product, not *\n")


def test_unknown_keys_warn_and_are_errors_when_strict(run: Run, folder: Path) -> None:
    (folder / "pod.yaml").write_text(GOOD + "enviroment: {}\n")
    line = "/enviroment: is not a known key; did you mean environment?\n"
    lenient = run("pod", "validate", "pod.yaml")
    assert (lenient.code, lenient.out) == (0, f"pod.yaml:5: warning: {line}pod.yaml: /good is valid\n")
    strict = run("pod", "validate", "pod.yaml", "--strict")
    assert (strict.code, strict.out) == (1, f"pod.yaml:5: {line}")


def test_networks_and_features_are_the_schedulers(run: Run, folder: Path) -> None:
    (folder / "pod.yaml").write_text(GOOD + "networks: [{name: lab}]\nsecrets: {a: {source: b}}\n")
    assert run("pod", "validate", "pod.yaml").code == 0
    assert "no network lab; they have: dcos" in run("pod", "validate", "pod.yaml", "--networks", "dcos").out
    assert "pod.yaml:6: /secrets: feature secrets" in run("pod", "validate", "pod.yaml", "--enable-features", "").out
    assert run("pod", "validate", "pod.yaml", "--enable-features", "magic").code == 2


@pytest.mark.parametrize("text", ["", "{", "a: [", "5", "[]", "[[" * 2000, "a: &a [*a]", "- id: /a"])
def test_what_is_no_definition_is_told_and_no_fault(
    run: Run, folder: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    outcome = run("pod", "validate", "-")
    assert outcome.code == 1
    assert outcome.out.startswith("-:")


def test_every_example_of_the_repository_is_valid(run: Run) -> None:
    examples = sorted(str(file) for file in (Path(__file__).parents[2] / "examples").glob("*.*"))
    outcome = run("pod", "validate", "--strict", "--default-network-name", "dcos", *examples)
    assert outcome.code == 0, outcome.out


def test_the_schema_is_printed(run: Run) -> None:
    outcome = run("pod", "schema")
    assert outcome.code == 0
    schema = json.loads(outcome.out)
    assert jsonschema_rs.is_valid(schema, {"id": "/a", "containers": [{"name": "a", "resources": {}}]})


def test_the_reference_is_printed(run: Run) -> None:
    assert run("pod", "schema", "--markdown").out.startswith("# The pod definition\n")


# ------------------------------------------------------------------ keys that are repeated

TWICE = """\
id: /good
containers:
  - name: one
    resources: {cpus: 0.1, mem: 32, cpus: 0.2}
    exec: {command: {shell: sleep 9}}
labels:
  A: a
  1: b
  "1": c
user: nobody
user: root
"""


def test_keys_that_are_repeated_warn_and_are_errors_when_strict(run: Run, folder: Path) -> None:
    """Each with its path and line, including YAML keys that are equal only in JSON."""
    meaning = "is given more than once; only the last one counts"
    paths = {4: "/containers(0)/resources/cpus", 9: "/labels/1", 11: "/user"}
    (folder / "pod.yaml").write_text(TWICE)
    lenient = run("pod", "validate", "pod.yaml")
    assert lenient.code == 0
    assert lenient.out.splitlines()[:-1] == [f"pod.yaml:{n}: warning: {path}: {meaning}" for n, path in paths.items()]
    strict = run("pod", "validate", "pod.yaml", "--strict")
    assert strict.code == 1
    assert strict.out.splitlines() == [f"pod.yaml:{n}: {path}: {meaning}" for n, path in paths.items()]


@pytest.mark.parametrize("brackets", ["{}", "[{}]", "[{}, {}]"])
def test_so_are_those_of_json(run: Run, folder: Path, brackets: str) -> None:
    one = '{"id": "/good", "id": "/fine", "containers": [{"name": "one", "resources": {"cpus": 0.1, "mem": 32},\n'
    one += '"exec": {"command": {"shell": "a", "sh\\u0065ll": "b"}}}]}'
    (folder / "pod.json").write_text(brackets.replace("{}", one))
    strict = run("pod", "validate", "pod.json", "--strict")
    assert strict.code == 1
    for path in ("/id: ", "/containers(0)/exec/command/shell: "):
        assert strict.out.count(f": {path}is given more than once") == brackets.count("{}")


def test_merged_keys_are_not_repeated(run: Run, folder: Path) -> None:
    """Nor is the content of an alias that is used again."""
    text = """\
id: /good
containers:
  - &one
    name: one
    resources: &res {cpus: 0.1, mem: 32}
    exec: {command: {shell: sleep 9}}
  - <<: *one
    name: two
    resources: {<<: *res, cpus: 0.2}
"""
    (folder / "pod.yaml").write_text(f"{text}---\n{text.replace('/good', '/fine')}")
    outcome = run("pod", "validate", "pod.yaml", "--strict")
    assert (outcome.code, outcome.out) == (0, "pod.yaml: /good is valid\npod.yaml: /fine is valid\n")


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))


CHAIN = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 5000))
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 30))


@pytest.mark.parametrize(
    "content",
    [LAUGHS, MERGES, "[" * 1_000_000, "- a\n" * 1_000_000, "---\n" * 1_000_000, "x: &a [*a, *a]"],
    ids=["laughs", "merges", "brackets", "items", "documents", "cycle"],
)
@pytest.mark.parametrize("command", [("validate",), ("render",), ("add", "--url", "http://127.0.0.1:1")])
def test_a_bomb_is_refused_before_it_fills_the_memory(folder: Path, content: str, command: tuple[str, ...]) -> None:
    """Every command that reads definitions, in a process that may have 512 MiB; also from a stream without end."""
    (folder / "bomb.yaml").write_text(content)
    for file, given in (("bomb.yaml", None), ("-", "/dev/zero")):
        with Path(given or os.devnull).open() as stdin:
            ended = subprocess.run(
                [sys.executable, "-P", "-m", "scheduler.cli.main", "pod", *command, file],
                stdin=stdin,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20)),
            )
        assert ended.returncode in (1, 2), ended
        assert "MemoryError" not in ended.stderr
        assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("deep.json", b"[" * 100_000, "line 1 is nested more than 200 levels deep"),
        ("deep2.json", b'{"a[":\n' * 500 + b"1" + b"}" * 500, "line 201 is nested more than 200 levels deep"),
        ("deep.yaml", b"[" * 100_000, "line 1 is nested more than 200 levels deep"),
        (
            "deep2.yaml",
            b"".join(b" " * n + b"a:\n" for n in range(500)),
            "line 201 is nested more than 200 levels deep",
        ),
        ("laughs.yaml", LAUGHS.encode(), "the aliases in line 6 expand to more than 100000 values"),
        ("merges.yaml", MERGES.encode(), "the aliases in line 11 expand to more than 100000 values"),
        ("chain.yaml", CHAIN.encode(), "the aliases in line 201 expand to more than 200 levels"),
        ("many.yaml", b"---\na\n" * 100_001, "it contains more than 100000 values (line 200002)"),
        ("large.yaml", b"#" * (8 * 1024 * 1024 + 1), "is larger than 8 MiB"),
        ("large.json", b"[" + b" " * (8 * 1024 * 1024), "is larger than 8 MiB"),
        ("circle.yaml", b"a: &a [*a]", "an alias refers to line 1, which contains the alias itself"),
        ("nan.json", b'{"id": NaN}', "is not JSON: NaN"),
        ("inf.json", b'{"id": 1e999}', "contains values that JSON cannot represent"),
        ("nan.yaml", b"id: .nan", "contains values that JSON cannot represent"),
        ("half.json", b'{"id": "\\ud800"}', "contains values that JSON cannot represent"),
        ("python.yaml", b"id: !!python/object/apply:os.system [ls]", "is not YAML: could not determine a constructor"),
        ("binary.yaml", b"id: !!binary aGk=", "contains values that JSON cannot represent"),
        ("set.yaml", b"id: !!set {a, b}", "contains values that JSON cannot represent"),
        ("int.yaml", b"id: !!int ''", "contains values that JSON cannot represent"),
        ("tab.yaml", b"id:\n\t- a", "is not YAML"),
        ("latin.yaml", "id: /größe".encode("latin-1"), "it is not UTF-8 text"),
        ("control.yaml", b"id: '\x07'", "is not YAML"),
    ],
)
def test_what_is_no_definition_is_told_in_a_line(run: Run, folder: Path, name: str, content: bytes, told: str) -> None:
    (folder / name).write_bytes(content)
    outcome = run("pod", "validate", name)
    assert (outcome.code, outcome.out.startswith(f"{name}: ")) == (1, True)
    assert told in outcome.out
    assert run("pod", "render", name).code == 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["pod.yaml", "pod.json"])
def test_a_byte_order_mark_says_how_a_text_is_to_be_read(run: Run, folder: Path, encoding: str, name: str) -> None:
    (folder / "good.yaml").write_text(GOOD)
    text = GOOD if name == "pod.yaml" else json.dumps(yaml.safe_load(GOOD), ensure_ascii=False)
    (folder / name).write_bytes(text.encode(encoding))
    assert run("pod", "validate", name).out == f"{name}: /good is valid\n"
