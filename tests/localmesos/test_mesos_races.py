"""What clusters and their processes remove while another looks at it, in each order that hurts."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from localmesos import (
    Cluster,
    ClusterError,
    assembly,
    firewall,
    level,
    network,
    processes,
    remains,
    state,
    system,
    vanishing,
)
from localmesos.assembly import Options
from localmesos.level import Choice
from localmesos.state import ClusterState

WAIT_SECONDS = 10


@pytest.fixture
def clusters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of clusters of its own."""
    monkeypatch.setenv("PODEXEC_STATE_DIR", str(tmp_path))
    return tmp_path / "clusters"


@pytest.fixture
def planned(clusters: Path, here: Choice) -> ClusterState:
    """A cluster of which nothing but its folder is made."""
    assert not clusters.exists()
    return state.write(assembly.plan("half-made", Path("/nowhere"), here, Options()))


@pytest.fixture
def vanish(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Has a folder removed just before somebody lists it, whom it has been shown to."""
    scandir = os.scandir

    def have_it_vanish(folder: Path) -> None:
        def scan(path: str | Path | int) -> Iterator[os.DirEntry[str]]:
            if not isinstance(path, int) and Path(path) == folder:
                shutil.rmtree(folder)
            return scandir(path)

        monkeypatch.setattr(os, "scandir", scan)

    return have_it_vanish


def container(cluster: ClusterState, name: str) -> Path:
    """An agent's notes about a container."""
    folder = cluster.folder / "agent-1" / "run" / "containers" / name
    (folder / "io_switchboard").mkdir(parents=True)
    return folder


def test_a_container_whose_notes_are_removed_meanwhile_hides_no_other(
    planned: ClusterState, vanish: Callable[[Path], None], tmp_path: Path
) -> None:
    """This was an error of about every fiftieth `down`: the agent removes notes until it is killed."""
    kept, gone = container(planned, "kept"), container(planned, "gone")
    address = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(address))
    (kept / "io_switchboard" / "socket").write_text(str(address))
    (kept / "pid").write_text(str(os.getpid()))

    vanish(gone)
    assert remains.switchboard_sockets(planned.folder) == [address]
    container(planned, "gone")
    assert processes.checkpointed_pids(planned.folder) == {os.getpid()}
    assert not gone.exists()


def test_a_note_that_is_removed_after_it_was_found_is_none(
    planned: ClusterState, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = container(planned, "gone") / "io_switchboard" / "socket"
    monkeypatch.setattr(vanishing, "below", lambda _folders, _name: iter([note]))
    assert remains.switchboard_sockets(planned.folder) == []
    assert processes.checkpointed_pids(planned.folder) == set()


def test_a_folder_of_clusters_that_is_removed_meanwhile_has_none(clusters: Path) -> None:
    assert state.names() == []
    assert vanishing.children(clusters) == []


def test_a_group_that_is_removed_needs_no_thawing(tmp_path: Path) -> None:
    remains.thaw(tmp_path / "gone")
    group = tmp_path / "group"
    group.mkdir()
    remains.thaw(group)  # of another hierarchy than the freezer
    assert list(group.iterdir()) == []
    (group / "freezer.state").write_text("FROZEN")
    remains.thaw(group)
    assert (group / "freezer.state").read_text() == "THAWED"


def test_a_namespace_that_is_removed_after_it_was_found_has_no_processes(tmp_path: Path) -> None:
    assert processes.find([], tmp_path, [], [tmp_path / "gone"]) == []


def test_a_process_that_is_started_during_a_look_is_found_by_the_next(
    planned: ClusterState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By one that ended during the look: then neither was seen."""
    with subprocess.Popen(["sleep", "600"]) as late:
        looks = iter([[], [processes.identify(late.pid)], [], []])
        monkeypatch.setattr(remains, "live_processes", lambda _state: next(looks))
        remains.end_processes(planned)
        assert late.wait(WAIT_SECONDS) == -signal.SIGKILL
    assert list(looks) == []


@pytest.mark.parametrize("problem", [errno.ENOENT, errno.ENOTEMPTY])
def test_a_folder_that_changes_while_it_is_removed_is_removed(
    problem: int, planned: ClusterState, monkeypatch: pytest.MonkeyPatch
) -> None:
    rmtree, problems, ended = shutil.rmtree, [problem], []

    def remove(folder: Path) -> None:
        if problems:
            raise OSError(problems.pop(), "changed meanwhile", str(folder))
        rmtree(folder)

    monkeypatch.setattr(shutil, "rmtree", remove)
    monkeypatch.setattr(remains, "end_processes", ended.append)
    remains.remove_folder(planned)
    assert not planned.folder.exists()
    assert ended == [planned]


def test_the_end_of_a_child_is_left_to_who_started_it() -> None:
    with subprocess.Popen(["sh", "-c", "exit 3"], stdout=subprocess.PIPE) as child:
        process = processes.identify(child.pid)
        assert child.stdout is not None
        child.stdout.read()  # until it has ended
        while process.alive():
            pass
        assert child.wait(WAIT_SECONDS) == 3


def test_a_process_that_was_started_here_is_no_zombie_after_its_end(tmp_path: Path) -> None:
    process = processes.start(("true",), {}, tmp_path / "log")
    while process.alive():
        pass
    assert processes.stat_fields(process.pid) is None


def test_a_process_whose_name_is_no_text_is_none_of_ours(tmp_path: Path) -> None:
    program = tmp_path / os.fsdecode(b"sleep\xff)")
    shutil.copy(shutil.which("sleep") or "", program)
    with subprocess.Popen([program, "600"]) as other:
        try:
            assert processes.identify(other.pid).alive()
        finally:
            other.kill()


# ----------------------------------------------------------------------------- other clusters


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 99}', '{"format": 1, "members": []}', '{"format": 1, "unheard_of": 1}']
)
def test_a_cluster_of_another_version_of_podexec_keeps_nobody_from_another(
    text: str, clusters: Path, planned: ClusterState
) -> None:
    other = clusters / "other"
    other.mkdir()
    (other / "cluster.json").write_text(text)
    told: list[str] = []
    remains.sweep(told.append)
    assert ["other" in line for line in told] == [True]
    with pytest.raises(ClusterError, match="another version of podexec"):
        Cluster.load("other")
    assert assembly.free_task_ports()
    assert planned.name in state.names()


def test_remains_that_cannot_be_removed_keep_nobody_from_a_cluster(
    planned: ClusterState, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_state: ClusterState) -> None:
        raise ClusterError("busy")

    state.write(json_edited(planned, boot_id="of an earlier boot"))
    monkeypatch.setattr(remains, "remove", fail)
    told: list[str] = []
    remains.sweep(told.append)
    assert told[-1] == "the cluster half-made cannot be looked at or removed: busy"


def json_edited(cluster: ClusterState, **changes: object) -> ClusterState:
    """A state with changes, as another process would have written it."""
    file = cluster.folder / state.FILE
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    found = state.read(cluster.name)
    assert found is not None
    return found


def test_agents_that_start_at_the_same_time_on_loopback_have_different_task_ports(planned: ClusterState) -> None:
    """The second waits until the first is recorded."""
    order: list[str] = []
    chosen, may_record = threading.Event(), threading.Event()

    def first() -> str:
        with assembly.task_ports(planned) as ports:
            chosen.set()
            assert may_record.wait(WAIT_SECONDS)
            json_edited(planned, left_out=f"ports:{ports}")
            order.append("recorded")
        return ports

    def second() -> str:
        assert chosen.wait(WAIT_SECONDS)
        may_record.set()
        with assembly.task_ports(planned) as ports:
            order.append("chose")
        return ports

    with ThreadPoolExecutor(2) as pool:
        ports = [pool.submit(each) for each in (first, second)]
        assert len({each.result(WAIT_SECONDS) for each in ports}) == 2
    assert order == ["recorded", "chose"]


def test_a_reserved_port_is_given_to_nobody_but_a_server_that_asks_for_it() -> None:
    with assembly.reserved_port() as port:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS)
        with socket.socket() as careless, pytest.raises(OSError, match="in use"):
            careless.bind(("127.0.0.1", port))
        with socket.create_server(("127.0.0.1", port)) as server:
            socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS).close()
            server.accept()[0].close()


def test_a_freezer_that_a_cluster_has_just_claimed_is_not_unmounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of another cluster comes between the mount and the first container."""
    freezer, ran = tmp_path / "cgroup" / "freezer", []
    for module in (level, remains):
        monkeypatch.setattr(module, "OWN_HIERARCHY", freezer.parent)
        monkeypatch.setattr(module, "FREEZER_LOCK", tmp_path / "lock")
    monkeypatch.setattr(system, "run", lambda *words: ran.append(words[0]))
    monkeypatch.setattr(remains, "mount_points", lambda: iter([str(freezer)]))

    assembly.mount_freezer("podexec-aa")
    remains.unmount_own_hierarchy()
    assert ran == ["mount"]
    (freezer / "podexec-aa-claim").rmdir()
    remains.unmount_own_hierarchy()
    assert ran == ["mount", "umount"]


def test_entries_in_etc_hosts_are_not_read_while_another_cluster_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("10.77.0.2 master-1 # podexec-aa\n")
    monkeypatch.setattr(network, "HOSTS", hosts)
    with hosts.open("r+") as writer, ThreadPoolExecutor(1) as pool:
        fcntl.flock(writer, fcntl.LOCK_EX)
        writer.truncate()  # as an edit in place begins
        reading = pool.submit(network.hosts_entries, "podexec-aa")
        assert not reading.done()
        writer.write("10.77.0.2 master-1 # podexec-aa\n10.77.1.2 master-1 # podexec-bb\n")
        writer.flush()
        fcntl.flock(writer, fcntl.LOCK_UN)
        assert reading.result(WAIT_SECONDS) == ["10.77.0.2 master-1 # podexec-aa"]
    hosts.unlink()
    assert network.hosts_entries("podexec-aa") == []


def test_the_packet_filter_is_changed_by_one_cluster_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two at a time may find each other's changes half made."""
    monkeypatch.setattr(network, "LOCK", tmp_path / "lock")
    looked = threading.Event()

    def rules(_tag: str) -> list[tuple[str, list[str]]]:
        looked.set()
        return []

    monkeypatch.setattr(firewall, "rules", rules)
    with ThreadPoolExecutor(1) as pool:
        with system.one_at_a_time(tmp_path / "lock"):
            removing = pool.submit(network.remove, "podexec-00", ("iptables",))
            assert not looked.wait(0.1)
        removing.result(WAIT_SECONDS)
    assert looked.is_set()
