"""Seeing inside, on real Mesos, through the scheduler's API alone: logs, commands, files, use.

One pod of two instances serves all tests that do not hurt it.
"""

import contextlib
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.support import PODEXEC, Json, Scheduler, container, environment_without_podexec, wait_for
from tests.conftest import Schedulers
from tests.terminal import Terminal, set_size

DEADLINE = 60.0
POD: Json = {
    "id": "/inside/pod",
    "scaling": {"kind": "fixed", "instances": 2},
    "containers": [
        container("talks", "echo one; echo two; echo three; echo trouble >&2; exec sleep 1000"),
        container("busy", "while :; do :; done"),
    ],
}


@pytest.fixture(scope="module")
def looked_at(shared_schedulers: Schedulers) -> Iterator[Scheduler]:
    """A scheduler with the pod."""
    scheduler = shared_schedulers(PODEXEC)
    scheduler.run(POD)
    yield scheduler
    if any(each["id"] == POD["id"] for each in scheduler.pods()):  # another test's end removes all there are
        scheduler.remove(POD["id"])


class Command:
    """A running `podexec pod` command; its output goes to files."""

    def __init__(self, scheduler: Scheduler, folder: Path, *words: str) -> None:
        self._paths = [folder / "command.stdout", folder / "command.stderr"]
        with self._paths[0].open("wb") as stdout, self._paths[1].open("wb") as stderr:
            self.process = subprocess.Popen(
                command(*words), stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=environment(scheduler)
            )

    def wrote(self, text: str, count: int = 1) -> None:
        """Wait until it has written this text this many times."""
        wait_for(f"{count} x {text!r}", lambda: self.output.count(text) >= count or self.over)

    @property
    def output(self) -> str:
        """All its output."""
        return "".join(path.read_text() for path in self._paths)

    @property
    def over(self) -> bool:
        """False while it runs. Raises AssertionError if it has ended, as waits for its output would last."""
        if self.process.poll() is not None:
            raise AssertionError(f"the command ended with {self.process.returncode}:\n{self.output}")
        return False

    def ended(self) -> int:
        """Wait for its end; returns its exit code."""
        return self.process.wait(DEADLINE)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Starts commands, and ends them after the test."""
    with contextlib.ExitStack() as stack:

        def begin(scheduler: Scheduler, *words: str) -> Command:
            begun = Command(scheduler, tmp_path, *words)
            stack.callback(begun.process.wait)
            stack.callback(begun.process.kill)
            return begun

        yield begin


def command(*words: str) -> list[str]:
    """Arguments of a `podexec pod` command."""
    return [sys.executable, "-P", "-m", "scheduler.cli.main", "pod", *words]


def environment(scheduler: Scheduler) -> dict[str, str]:
    """Environment with the scheduler's address."""
    return environment_without_podexec() | {"PODEXEC_URL": scheduler.client.url, "TERM": "vt100"}


def pod(scheduler: Scheduler, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end."""
    return subprocess.run(
        command(*words), input=given, capture_output=True, timeout=DEADLINE, env=environment(scheduler), check=False
    )


def short_ids(scheduler: Scheduler, pod_id: str) -> list[str]:
    """Short ids of the instances."""
    return [each["id"].rpartition("instance-")[2][:8] for each in scheduler.client.status(pod_id)["instances"]]


def test_logs_of_all_instances_are_merged(looked_at: Scheduler) -> None:
    """Each line has its instance and container; only the last lines if requested."""
    answer = pod(looked_at, "logs", POD["id"], "--tail", "2", "--stream", "stdout")
    expected = [f"{each} talks | {word}" for each in short_ids(looked_at, POD["id"]) for word in ("two", "three")]
    assert sorted(answer.stdout.decode().splitlines()) == sorted(expected), answer.stderr
    one = short_ids(looked_at, POD["id"])[0]
    answer = pod(looked_at, "logs", POD["id"], "-c", "talks", "--instance", one, "--plain", "--stream", "stderr")
    assert "trouble" in answer.stdout.decode().splitlines()


def test_a_command_has_input_output_and_an_exit_code(looked_at: Scheduler) -> None:
    """Stdout and stderr stay separate; podexec exits with the command's exit code."""
    script = "cat; echo told >&2; exit 7"
    answer = pod(looked_at, "exec", "-i", POD["id"], "-c", "talks", "--", "sh", "-c", script, given=b"x" * 300_000)
    assert (answer.returncode, answer.stdout, answer.stderr) == (7, b"x" * 300_000, b"told\n")
    answer = pod(looked_at, "exec", POD["id"], "-c", "talks", "--", "no-such-program")
    assert (answer.returncode, b"no-such-program" in answer.stderr) == (127, True)
    answer = pod(looked_at, "exec", POD["id"], "--", "true")
    assert (answer.returncode, b"containers talks, busy: name one" in answer.stderr) == (1, True)


def test_a_shell_runs_in_a_window_that_resizes(looked_at: Scheduler) -> None:
    """`exec -it`: the inner terminal has the outer one's size and type, also after a change; Ctrl-C reaches it."""
    process, terminal = pty.fork()
    if process == 0:
        words = command("exec", "-it", POD["id"], "-c", "talks", "--", "sh")
        os.execve(words[0], words, environment(looked_at))
    try:
        set_size(terminal, 33, 101)
        shell = Terminal(terminal)
        shell.types("stty size; echo is-$TERM\n", until="is-vt100")
        assert "33 101" in shell.shown
        set_size(terminal, 44, 122)  # the kernel tells the process
        shell.types("echo changed; until stty size | grep '44 122'; do sleep 0.1; done\n", until="\n44 122")
        # Shells lose a Ctrl-C while they start a program, even without Mesos: wait until it runs.
        waits = """sh -c 'trap "exit 9" INT; echo ru""nning; while :; do sleep 0.1; done'; echo interrupted-$?"""
        shell.types(f"{waits}\n", until="running")
        shell.types("\x03", until="interrupted-9")
        shell.types("exit 5\n", until="exit 5")
        _, status = os.waitpid(process, 0)
        process = 0
        assert os.waitstatus_to_exitcode(status) == 5
    finally:
        if process:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        os.close(terminal)


def test_a_terminal_resizes_while_its_command_starts(looked_at: Scheduler) -> None:
    """Mesos' launcher crashes if the size changes too early; input typed ahead is not lost."""
    for _ in range(3):
        process, terminal = pty.fork()
        if process == 0:
            words = command("exec", "-it", POD["id"], "-c", "talks", "--", "sh")
            os.execve(words[0], words, environment(looked_at))
        resizing = threading.Event()
        storm = threading.Thread(target=resized_until, args=(terminal, resizing))
        storm.start()
        try:
            shell = Terminal(terminal)
            shell.types("echo under''way\n", until="underway")
            resizing.set()
            storm.join()
            set_size(terminal, 55, 133)
            shell.types("echo; until stty size | grep '55 133'; do sleep 0.1; done\n", until="\n55 133")
            shell.types("exit 6\n", until="exit 6")
            _, status = os.waitpid(process, 0)
            process = 0
            assert os.waitstatus_to_exitcode(status) == 6
        finally:
            resizing.set()
            storm.join()
            if process:
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
            os.close(terminal)


def resized_until(terminal: int, over: threading.Event) -> None:
    """Resize it again and again."""
    columns = 80
    while not over.wait(0.005):
        columns = columns % 200 + 1
        set_size(terminal, 24, columns)


def test_top_shows_a_busy_container(looked_at: Scheduler) -> None:
    """CPU, memory and processes of each container of each instance, with its requests."""
    answer = pod(looked_at, "top", POD["id"])
    rows = [line.split() for line in answer.stdout.decode().splitlines()]
    for instance in short_ids(looked_at, POD["id"]):
        busy = next(row for row in rows if row[:2] == [instance, "busy"])
        assert float(busy[2]) > 0.01, answer.stdout.decode()
        assert (busy[3], float(busy[5]) > 0, busy[6], int(busy[8]) > 0) == ("0.1", True, "32", True)
        talks = next(row for row in rows if row[:2] == [instance, "talks"])
        assert float(talks[2]) < float(busy[2])


def test_files_go_in_and_come_out(looked_at: Scheduler, tmp_path: Path) -> None:
    """A directory and a file are copied in both directions; the sandbox can be listed and read."""
    one = short_ids(looked_at, POD["id"])[0]
    where = ("-c", "talks", "--instance", one)
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "deep" / "file").write_bytes(os.urandom(200_000))
    (tmp_path / "tree" / "link").symlink_to("deep/file")
    assert pod(looked_at, "cp", *where, str(tmp_path / "tree"), f"{POD['id']}:copied").returncode == 0
    listed = pod(looked_at, "files", POD["id"], "copied/deep", *where).stdout.decode()
    assert listed.split()[-3::2] == ["200000", "file"]
    read = pod(looked_at, "files", POD["id"], "copied/deep/file", "--read", *where).stdout
    assert read == (tmp_path / "tree" / "deep" / "file").read_bytes()
    assert pod(looked_at, "cp", *where, f"{POD['id']}:copied", str(tmp_path / "back")).returncode == 0
    assert (tmp_path / "back" / "deep" / "file").read_bytes() == read
    assert (tmp_path / "back" / "link").readlink() == Path("deep/file")
    answer = pod(looked_at, "cp", *where, f"{POD['id']}:nothing-here", str(tmp_path))
    assert (answer.returncode, b"nothing-here" in answer.stderr) == (1, True), answer.stderr
    answer = pod(looked_at, "cp", *where, str(tmp_path / "tree"), f"{POD['id']}:no/such/place/")
    assert (answer.returncode, b"no/such/place" in answer.stderr) == (1, True), answer.stderr


def test_nothing_is_left_of_sessions(looked_at: Scheduler) -> None:
    """After a command has ended, neither its container nor its directory is left."""
    status = looked_at.client.status(POD["id"])
    sandboxes = [
        looked_at.task_sandbox(each["containerId"])
        for instance in status["instances"]
        for each in instance["containers"]
    ]
    looked_at.wait("no sessions", lambda: not [left for each in sandboxes for left in each.glob("containers/exec-*")])


HOSTILE = """
mkfifo pipe; ln -s pipe link; mkdir -p d/d; mkfifo d/d/pipe; echo text > text; ln -s text to-text; ln -s /etc/shadow out
test $(id -u) -ne 0 || mknod null c 1 3
echo stays >&2; rm stdout; mkfifo stdout; touch ready; exec sleep 1000
"""


def test_pipes_devices_and_links_of_a_container_do_not_block_its_agent(
    scheduler: Scheduler, start: Callable[..., Command]
) -> None:
    """Mesos opens whatever it is asked for: with a pipe, the agent would return no file any more, and no list."""
    definition: Json = {
        "id": "/hostile",
        "containers": [container("hostile", HOSTILE), container("kind", "echo kind; exec sleep 1000")],
    }
    scheduler.run(definition)
    files = ("files", "/hostile", "-c", "hostile")

    def answers() -> None:
        listed = pod(scheduler, *files).stdout.decode()
        assert "prw" in listed, listed
        logs = pod(scheduler, "logs", "/hostile", "-c", "kind", "--plain", "--stream", "stdout")
        assert logs.stdout == b"kind\n", logs

    scheduler.wait("the container's files", lambda: b" ready" in pod(scheduler, *files).stdout)
    for path in ("pipe", "link", "d/d/pipe", "stdout", "null", "out", "d"):
        read = pod(scheduler, *files, "--read", path)
        assert (read.returncode, read.stdout) == (1, b""), path
    answers()
    assert pod(scheduler, *files, "--read", "to-text").stdout == b"text\n"
    logs = pod(scheduler, "logs", "/hostile", "-c", "hostile", "--plain")
    assert (logs.returncode, b"stays\n" in logs.stdout) == (1, True), logs
    assert b"'stdout': it is a pipe, not a file" in logs.stderr, logs.stderr
    following = start(scheduler, "logs", "/hostile", "-f")
    following.wrote("it is a pipe")
    following.wrote("hostile | stays")
    following.wrote("kind | kind")
    answers()


def test_logs_are_followed_over_restarts_and_relaunches(scheduler: Scheduler, start: Callable[..., Command]) -> None:
    """Logs follow a restart (a new container) and a relaunch (a new executor); the end of the pod ends them."""
    line = "echo run of $MESOS_TASK_ID; until test -e fail; do sleep 0.1; done; echo failing; exit 3"
    definition: Json = {
        "id": "/followed",
        "containers": [container("again", line, restartPolicy="onFailure", restarts={"backoffSeconds": 0.2})],
    }
    status = scheduler.run(definition)
    following = start(scheduler, "logs", "/followed", "-f")
    following.wrote("run of")
    (scheduler.sandbox(status, "again") / "fail").touch()
    following.wrote("run of", 2)
    assert "restarted" in following.output
    assert following.output.index("failing") < following.output.rindex("run of")
    before = pod(scheduler, "logs", "/followed", "--previous", "--plain").stdout.decode().splitlines()
    assert before[:2] == [f"run of {status['instances'][0]['containers'][0]['containerId']}", "failing"]

    scheduler.client.kill("/followed", [status["instances"][0]["id"]])
    following.wrote("run of", 3)
    assert ".again.2" in following.output
    scheduler.stable("/followed")
    of_killed = pod(scheduler, "logs", "/followed", "--previous", "--plain").stdout.decode()
    assert of_killed.startswith("run of ")
    assert "failing" not in of_killed

    scheduler.client.remove("/followed")
    assert following.ended() == 0
    assert "ended" in following.output.splitlines()[-1]


def test_a_container_that_ends_takes_its_commands_along(scheduler: Scheduler, start: Callable[..., Command]) -> None:
    """It says so."""
    scheduler.run({"id": "/ending", "containers": [container("only", "exec sleep 1000")]})
    running = start(scheduler, "exec", "/ending", "--", "sh", "-c", "echo begun; exec sleep 1000")
    running.wrote("begun")
    scheduler.client.remove("/ending")
    assert running.ended() == 1
    assert "the container, and with it the command, ended" in running.output


def test_an_agent_that_goes_away_ends_commands_and_followed_logs_continue(
    scheduler: Scheduler, start: Callable[..., Command], tmp_path: Path
) -> None:
    """Commands end with a message and work again after the restart, which followed logs ride out."""
    cluster = scheduler.cluster
    agent = cluster.agents[-1]
    placement = {"constraints": [{"fieldName": "hostname", "operator": "IS", "value": agent.host}]}
    definition: Json = {
        "id": "/leaving",
        "containers": [container("only", "echo here; while sleep 0.5; do echo again; done")],
        "scheduling": {"placement": placement},
    }
    scheduler.run(definition)
    following = start(scheduler, "logs", "/leaving", "-f")
    following.wrote("here")
    (tmp_path / "second").mkdir()
    running = Command(scheduler, tmp_path / "second", "exec", "/leaving", "--", "sh", "-c", "echo begun; sleep 1000")
    running.wrote("begun")
    cluster.kill_agent(agent.id)
    try:
        assert running.ended() == 1
        assert f"the agent {agent.host} closed the connection" in running.output
    finally:
        running.process.kill()
        running.process.wait()
        cluster.restart_agent(agent.id)
        cluster.wait_registered()
    following.wrote("again", following.output.count("again") + 3)
    again = pod(scheduler, "exec", "/leaving", "--", "echo", "back")
    assert (again.returncode, again.stdout) == (0, b"back\n"), again.stderr
