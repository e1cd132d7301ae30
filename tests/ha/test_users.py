"""Users, tokens and policies with three schedulers: each has files of its own, and the leader's word counts."""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx2
import pytest

from bench.simulator import Simulator
from scheduler.access.tokens import new_token
from tests.access.principals import rule, token_record, write
from tests.ha.stage import DEADLINE, LEADER, STALENESS, Json, Node, definition, leader_of, schedulers, wait_for
from tests.zookeeper import Ensemble

PATH = "/tests/users"
CLIENT = "127.0.0.2"  # where users are: schedulers are at 127.0.0.1
NAMES = ("root", "alice", "reader")
TOKENS = {name: new_token() for name in NAMES}
RULES = (rule("root", "/**", "admin"), rule("alice", "/team-a/**"), rule("reader", "/team-a/**", "view"))
POLICY = "rules: [{name: owned, pods: [/team-a/policy/**], labels: [LABEL]}]\n"
_COMMAND = (sys.executable, "-P", "-m", "scheduler.cli.main")


def users() -> Json:
    """The users of every principals file."""
    return {name: {"tokens": [token_record(TOKENS[name], "laptop")]} for name in NAMES}


class Room:
    """Three schedulers, each with a folder for its files."""

    def __init__(self, folder: Path) -> None:
        self.folders = [folder / str(number) for number in range(3)]
        self.nodes: list[Node] = []
        for each in self.folders:
            each.mkdir()
        self.reset()

    def reset(self) -> None:
        """Give all of them the same files."""
        for each in self.folders:
            write(each / "principals.json", users(), *RULES)
            put_policy(each / "policy.yaml", "owner")

    def options(self, number: int) -> Sequence[str]:
        """The options of one scheduler."""
        folder = self.folders[number]
        words = {"--principals": "principals.json", "--policy": "policy.yaml", "--audit-log": "audit.log"}
        return [word for name, file in words.items() for word in (name, str(folder / file))]

    def folder_of(self, node: Node) -> Path:
        """Where its files are."""
        return self.folders[self.nodes.index(node)]

    def split(self) -> tuple[Node, list[Node]]:
        """The leader, and the standbys, which follow it."""
        leader = leader_of(self.nodes)
        others = [each for each in self.nodes if each is not leader]
        for each in others:
            wait_for("it follows", lambda: each.info()["leader"] in leader.url and is_up_to_date(each))  # noqa: B023
        return leader, others

    def audited(self, node: Node, path: str) -> list[Json]:
        """The lines of its audit log about this path."""
        lines = (self.folder_of(node) / "audit.log").read_text().splitlines()
        return [each for each in map(json.loads, lines) if each["path"] == path]


def is_up_to_date(node: Node) -> bool:
    """Whether a standby has the state."""
    return STALENESS in node.get("/v2/pods").headers


def put_policy(file: Path, label: str) -> None:
    """Put a policy in place, at once: pods need this label."""
    new = file.with_suffix(".new")
    new.write_text(POLICY.replace("LABEL", label))
    new.replace(file)


@pytest.fixture(scope="module")
def started(zookeeper: Ensemble, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """Three schedulers that trust each other to tell the addresses of clients."""
    made = Room(tmp_path_factory.mktemp("room"))
    more = ["--trusted-proxies", "127.0.0.1"]
    with schedulers(
        zookeeper.url(PATH), simulator.address, 3, more=more, own=made.options, headers=bearer(TOKENS["root"])
    ) as made.nodes:
        yield made


@pytest.fixture
def room(started: Room) -> Iterator[Room]:
    """The three, with the same files; whatever a test ended is started again."""
    started.reset()
    for each in started.nodes:
        if not each.is_running:
            each.start()
        assert each.is_running, each.tail()
        wait_for("its files are read", lambda: all(ask(each, name, "GET", "/v2/pods").is_success for name in NAMES))  # noqa: B023
    for each in started.nodes:  # the leader answers
        wait_for("its rules are read", lambda: ask(each, "alice", "DELETE", "/v2/pods/team-b/x").status_code == 403)  # noqa: B023
    yield started
    leader = leader_of(started.nodes)
    for pod in leader.get("/v2/pods").json():
        assert leader.http.delete(f"/v2/pods{pod['id']}?force=true").status_code == 202


def bearer(token: str) -> dict[str, str]:
    """The header with a token."""
    return {"Authorization": f"Bearer {token}"}


CLIENTS = httpx2.Client(transport=httpx2.HTTPTransport(local_address=CLIENT), timeout=DEADLINE)
atexit.register(CLIENTS.close)


def ask(node: Node, who: str, method: str, path: str, body: Json | None = None) -> httpx2.Response:
    """The answer to a request of a user, or of whoever has a token, from another address than the schedulers'."""
    headers = bearer(TOKENS.get(who, who))
    return CLIENTS.request(method, node.url + path, headers=headers, json=body)


def cli(*words: str) -> str:
    """What a command prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PODEXEC_")}
    done = subprocess.run([*_COMMAND, *words], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def distribute(room: Room, source: Node) -> None:
    """Copy the principals file of one scheduler to the others, at once."""
    content = (room.folder_of(source) / "principals.json").read_bytes()
    for each in room.folders:
        new = each / "principals.new"
        new.touch(mode=0o600)
        new.write_bytes(content)
        new.replace(each / "principals.json")


def test_a_write_through_a_standby_is_the_callers_and_not_the_standbys(room: Room) -> None:
    leader, [standby, _] = room.split()
    answer = ask(standby, "alice", "POST", "/v2/pods", definition("/team-a/web"))
    assert (answer.status_code, answer.headers[LEADER]) == (201, leader.url)
    history = ask(standby, "alice", "GET", "/v2/pods/team-a/web::history").json()
    assert [(each["action"], each["user"], each["clientIp"]) for each in history] == [("created", "alice", CLIENT)]
    for node in (leader, standby):
        *_, line = room.audited(node, "/v2/pods")
        assert (line["status"], line["pod_id"] if node is leader else "/team-a/web") == (201, "/team-a/web")
        assert (line["user"], line["token"], line["client_ip"]) == ("alice", "laptop", CLIENT)


def test_the_leader_judges_by_the_callers_rights_whatever_the_standby_knows(room: Room) -> None:
    leader, [standby, other] = room.split()
    generous = (rule("root", "/**", "admin"), *(rule(name, "/**", "admin") for name in ("alice", "reader", "stranger")))
    stranger = new_token()
    more = {"stranger": {"tokens": [token_record(stranger)]}}
    write(room.folder_of(standby) / "principals.json", users() | more, *generous)
    wait_for("the standby knows the stranger", lambda: ask(standby, stranger, "GET", "/v2/pods").is_success)
    body = definition("/team-b/web")
    for who, status, why in (
        ("alice", 403, "alice lacks 'operate' on /team-b/web"),
        ("reader", 403, "reader lacks 'operate' on /team-b/web"),
        (stranger, 401, ""),
    ):
        answer = ask(standby, who, "POST", "/v2/pods", body)
        assert (answer.status_code, why in answer.text) == (status, True), answer.text
    assert ask(standby, "alice", "DELETE", "/v2/leader").status_code == 403
    assert leader_of(room.nodes) is leader
    # And the other way round: whom a standby does not know does not get through it.
    write(room.folder_of(leader) / "principals.json", users() | more, *generous)
    wait_for("the leader knows the stranger", lambda: ask(leader, stranger, "GET", "/v2/pods").is_success)
    assert ask(other, stranger, "POST", "/v2/pods", body).status_code == 401
    assert ask(standby, stranger, "POST", "/v2/pods", body).status_code == 201


def test_a_user_made_at_one_is_known_at_all_after_the_leader_changed(room: Room) -> None:
    leader, others = room.split()
    file = str(room.folder_of(leader) / "principals.json")
    cli("user", "add", "bob", "--role", "operate", "--path", "/team-b/**", "--principals", file)
    token = cli("user", "token", "bob", "--name", "ci", "--principals", file)
    distribute(room, leader)
    for each in room.nodes:
        wait_for("bob is known", lambda: ask(each, token, "GET", "/v2/pods").is_success)  # noqa: B023
    assert ask(others[0], token, "POST", "/v2/pods", definition("/team-b/web")).status_code == 201
    leader.end(signal.SIGKILL)
    new = leader_of(others)
    [standby] = [each for each in others if each is not new]
    wait_for("the standby follows", lambda: is_up_to_date(standby) and standby.info()["leader"] in new.url)
    changed = definition("/team-b/web", labels={"now": "[changed] \x1b[31m"})
    assert ask(standby, token, "PUT", "/v2/pods/team-b/web", changed).status_code == 200
    assert ask(standby, token, "POST", "/v2/pods", definition("/team-a/web")).status_code == 403
    for each in others:
        wait_for("both changes", lambda: changed_by(each, token) == ["bob", "bob"])  # noqa: B023


def changed_by(node: Node, token: str) -> list[str]:
    """Who has changed the pod."""
    return [each["user"] for each in ask(node, token, "GET", "/v2/pods/team-b/web::history").json()]


def test_a_revoked_token_is_refused_by_standbys_too_and_its_streams_end(room: Room) -> None:
    leader, [first, second] = room.split()
    assert ask(first, "alice", "POST", "/v2/pods", definition("/team-a/web")).status_code == 201
    opened, ended = threading.Event(), threading.Event()

    def follow() -> None:
        headers = bearer(TOKENS["alice"]) | {"Accept": "text/event-stream"}
        with CLIENTS.stream("GET", f"{second.url}/v2/events", headers=headers) as answer:
            for _ in answer.iter_lines():
                opened.set()
        ended.set()

    following = threading.Thread(target=follow)
    following.start()
    assert opened.wait(DEADLINE), "the event stream has no event"
    # At the leader alone: what a standby passes on is refused.
    file = str(room.folder_of(leader) / "principals.json")
    cli("user", "revoke", "alice", "laptop", "--principals", file, "--yes")
    for each in (first, second, leader):
        wait_for(
            "the leader refuses it",
            lambda: ask(each, "alice", "DELETE", "/v2/pods/team-a/none").status_code == 401,  # noqa: B023
        )
    assert ended.wait(DEADLINE), "the stream through a standby goes on"
    following.join(DEADLINE)
    # At all: nothing of it is answered any more, whoever leads.
    distribute(room, leader)
    for each in room.nodes:
        wait_for("the token is refused", lambda: ask(each, "alice", "GET", "/v2/pods").status_code == 401)  # noqa: B023
    assert leader.http.delete("/v2/leader").status_code == 200
    wait_for("another one leads", lambda: leader_of([first, second]))
    for each in room.nodes:
        assert ask(each, "alice", "GET", "/v2/pods/team-a/web").status_code == 401
        assert ask(each, "alice", "DELETE", "/v2/pods/team-a/web").status_code == 401
        assert ask(each, "reader", "GET", "/v2/pods/team-a/web").status_code == 200


def test_the_leaders_policy_decides_and_a_new_leader_has_that_of_its_own_file(room: Room) -> None:
    leader, others = room.split()
    bare = definition("/team-a/policy/bare")
    wait_for("the policy is read", lambda: "owner" in ask(leader, "alice", "POST", "/v2/pods", bare).text)
    for number, each in enumerate(others):
        put_policy(room.folder_of(each) / "policy.yaml", f"label-{number}")
    for number, each in enumerate(room.nodes):
        body = definition(f"/team-a/policy/{number}", labels={"label-0": "x", "label-1": "x"})
        answer = ask(each, "alice", "POST", "/v2/pods", body)
        assert (answer.status_code, "rule 'owned' of the policy" in answer.text) == (422, True), answer.text
        assert ask(each, "alice", "POST", "/v2/pods", body | {"labels": {"owner": "x"}}).status_code == 201
    assert leader.http.delete("/v2/leader").status_code == 200
    own = f"label-{others.index(leader_of(others))}"
    for label, status in (("owner", 422), (own, 201)):
        body = definition(f"/team-a/policy/{label}", labels={label: "x"})
        assert ask(leader, "alice", "POST", "/v2/pods", body).status_code == status


def test_a_broken_file_keeps_nobody_out_when_the_leader_changes(room: Room) -> None:
    """Otherwise a mistake that was distributed would end one scheduler after the other."""
    leader, others = room.split()
    for each in room.folders:
        broken = each / "principals.new"
        broken.touch(mode=0o600)
        broken.write_text('{"users": [')
        broken.replace(each / "principals.json")
    assert leader.http.delete("/v2/leader").status_code == 200
    new = leader_of(others)
    assert ask(leader, "alice", "POST", "/v2/pods", definition("/team-a/web")).status_code == 201
    assert all(each.is_running for each in room.nodes)

    def noticed() -> bool:
        """Files are looked at when somebody asks, once a second."""
        assert ask(new, "alice", "GET", "/v2/pods").is_success
        return bool(new.events("principals cannot be reloaded, keeping the previous ones"))

    wait_for("the new leader has seen that its file is broken", noticed)
