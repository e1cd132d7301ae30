"""``podexec policy check``, ``podexec pod validate --policy``, and the policy file of a running scheduler."""

import os
import random
import signal
from collections import Counter
from pathlib import Path
from textwrap import indent

import pytest
from structlog.testing import capture_logs

from scheduler.cli.errors import CommandError
from scheduler.cli.policy_file import PolicyFile
from tests.cli.conftest import Run
from tests.cli.test_scheduler import scheduler

POLICY = """\
rules:
- name: no-root
  forbid: [rootUser]
  message: Set user.
- name: accountable
  effect: warn
  pods: [/a/**]
  labels: [owner]
quotas:
- {name: all, pods: [/**], instances: 1}
secrets:
- {pods: [/a/**], sources: [/a/**]}
"""
PODS = """\
id: /a
user: nobody
containers:
- {name: one, resources: {}}
---
id: /b
secrets:
  own: {source: /a/pw}
containers:
- {name: one, resources: {}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a policy and two pods."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "pods.yaml").write_text(PODS)
    return tmp_path


def test_validate_tells_what_the_policy_does_not_accept(run: Run, folder: Path) -> None:
    outcome = run("pod", "validate", "--policy", "policy.yaml", "pods.yaml")

    assert outcome.code == 1
    assert outcome.out.splitlines() == [
        "pods.yaml:1: warning: /labels: the pod has no label owner (rule 'accountable' of the policy)",
        "pods.yaml: /a is valid",
        "pods.yaml:8: /secrets/own/source: the policy does not let /b use secret '/a/pw'",
        "pods.yaml:10: /containers(0)/user: container one runs as root (rule 'no-root' of the policy). Set user.",
    ]
    assert "quotas of the policy are not checked" in outcome.err
    assert run("pod", "validate", "pods.yaml").code == 0


def test_validate_knows_the_default_user_of_the_scheduler(run: Run, folder: Path) -> None:
    (folder / "b.yaml").write_text(PODS.partition("---")[2].replace("/a/pw", "/b/pw").replace("/b\n", "/a/b\n"))

    assert "runs as root" in run("pod", "validate", "--policy", "policy.yaml", "b.yaml").out
    assert "runs as root" not in run("pod", "validate", "--policy", "policy.yaml", "--mesos-user", "me", "b.yaml").out


def test_a_policy_is_checked(run: Run, folder: Path) -> None:
    outcome = run("policy", "check", "policy.yaml")

    assert (outcome.code, outcome.out) == (0, "policy.yaml is valid: 2 rules, 1 quotas, 1 secret scopes\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (POLICY.replace("rootUser", "root"), "policy.yaml:3: /rules(0)/forbid(0): 'root' is not one of rootUser, "),
        (POLICY.replace("/a/**]\n  labels", "a]\n  labels"), "policy.yaml:7: /rules(1)/pods(0): 'a' must begin with a"),
        (POLICY + "quotas: []\n", "/quotas: this key is given more than once"),
        (POLICY + "---\n" + POLICY, "contains 2 policies"),
        ("", "contains no policy"),
        ("rules: [", "is not YAML"),
        ("[" * 10_000, "is not YAML|nested"),
    ],
)
def test_a_wrong_policy_is_told_with_its_line(run: Run, folder: Path, text: str, told: str) -> None:
    (folder / "policy.yaml").write_text(text)

    for words in (("policy", "check", "policy.yaml"), ("pod", "validate", "--policy", "policy.yaml", "pods.yaml")):
        outcome = run(*words)
        assert outcome.code == 2
        assert any(each in outcome.err for each in told.split("|")), outcome.err


def test_the_example_is_valid_and_is_the_one_of_the_page(run: Run) -> None:
    root = Path(__file__).parents[2]
    example = root / "examples" / "policy" / "policy.yaml"

    assert run("policy", "check", str(example)).code == 0
    assert indent(example.read_text().partition("\n")[2], "    ") in (root / "docs" / "policy.md").read_text()


# ------------------------------------------------------------------------ a running scheduler


def test_a_changed_file_is_read_and_a_broken_one_leaves_the_policy(folder: Path) -> None:
    file = PolicyFile(folder / "policy.yaml", "directory:/x")
    first = file.policy
    assert not file.changed()

    def replace(text: str) -> bool:
        (folder / "new.yaml").write_text(text)
        (folder / "new.yaml").rename(folder / "policy.yaml")
        return file.changed()

    with capture_logs() as logs:
        assert not replace("rules: 3")
        assert not file.changed(), "a file is complained about once"
        assert not replace(POLICY + "# the same\n")
        (folder / "policy.yaml").unlink()
        assert not file.changed()
    assert file.policy == first
    assert ["/rules: Expected `array`" in str(each) for each in logs] == [True, False]
    assert "cannot read" in str(logs[1])
    assert replace("rules: []")
    assert file.policy.rules == ()


def test_whatever_the_file_contains_the_scheduler_goes_on(folder: Path) -> None:
    """Its bytes are changed, removed and repeated at random places."""
    chance = random.Random(3)
    file = PolicyFile(folder / "policy.yaml", "directory:/x")
    outcomes: Counter[bool] = Counter()
    with capture_logs():
        for number in range(150):
            text = bytearray(POLICY.encode())
            for _ in range(chance.randrange(1, 3)):
                at, length = chance.randrange(len(text)), chance.randrange(1, 20)
                there = chance.choice([chance.randbytes(1), b"", text[at : at + length] * 2])
                text[at : at + chance.choice([1, length])] = there
            (folder / "new.yaml").write_bytes(text)
            os.utime(folder / "new.yaml", ns=(number, number))
            (folder / "new.yaml").rename(folder / "policy.yaml")
            outcomes[file.changed()] += 1
    assert outcomes[False] > 50
    assert outcomes[True] > 5


def test_variables_cannot_be_divided_among_pods(folder: Path) -> None:
    """/a/b-c and /a-b/c are the same variable."""
    for source in ("environment", "environment:MINE_"):
        with pytest.raises(CommandError, match="cannot tell /a/b from /a-b"):
            PolicyFile(folder / "policy.yaml", source)
    (folder / "policy.yaml").write_text(POLICY.partition("secrets:")[0])
    PolicyFile(folder / "policy.yaml", "environment")


def test_a_scheduler_reads_its_policy_again_and_a_replay_decides_alike(run: Run, folder: Path) -> None:
    (folder / "pod.json").write_text('{"id": "/web", "containers": [{"name": "a", "resources": {}}]}')
    more = ("--policy", "policy.yaml", "--secrets-source", "reference", "--record", "recording.json")
    with scheduler(more=more) as process:
        url = process.event("serving")["url"]
        refused = run("pod", "add", "pod.json", "--url", url)
        (folder / "policy.yaml").write_text("rules: [{name: users, forbid: [root]}]")
        assert "'root' is not one of" in process.event("policy cannot be read, keeping the previous one")["error"]
        still_refused = run("pod", "add", "pod.json", "--url", url)
        (folder / "policy.yaml").write_text("rules: [{name: users, effect: warn, forbid: [rootUser]}]")
        process.event("policy changed")
        warned = run("pod", "add", "pod.json", "--url", url)
        assert process.event("accepted in spite of the policy")["pod_id"] == "/web"
        assert process.end(signal.SIGTERM) == 0

    for outcome in (refused, still_refused):
        assert outcome.code == 1
        assert "The policy of this scheduler does not accept this pod" in outcome.err
        assert "/containers(0)/user: container a runs as root (rule 'no-root' of the policy). Set user." in outcome.err
    assert warned.code == 0
    assert "warning: /containers(0)/user: container a runs as root (rule 'users' of the policy)" in warned.err
    assert run("replay", "recording.json").code == 0


@pytest.mark.parametrize("text", ["rules: [{name: users, forbid: [root]}]", "secrets: []"])
def test_a_scheduler_does_not_start_with_a_policy_that_it_cannot_apply(run: Run, folder: Path, text: str) -> None:
    (folder / "policy.yaml").write_text(text)

    outcome = run("scheduler", "--master", "127.0.0.1:1", "--policy", "policy.yaml")

    assert outcome.code == 2
    assert "policy.yaml" in outcome.err
