"""Definitions that could never start are refused at the path of the fault; similar ones that could are accepted."""

import json
from typing import Any

import pytest

from scheduler.model.definition import PodDefinition
from scheduler.model.sizes import LARGEST_LAUNCH, of_task, of_text
from scheduler.model.validation import parse
from tests.model.definitions import MINIMAL, SITE, changed, found

C = "containers.0"
AT = "/containers(0)"
IMAGE = {"kind": "DOCKER", "id": "busybox"}
Json = dict[str, Any]


def mounting(*paths: str, image: bool = False, **volume: Any) -> Json:
    """A pod of one container that mounts a volume at each of these paths."""
    mounts = [{"name": f"v{index}", "mountPath": path} for index, path in enumerate(paths)]
    volumes = [{"name": f"v{index}", **volume} for index in range(len(paths))]
    pod = changed(MINIMAL, f"{C}.volumeMounts", mounts) | {"volumes": volumes, "secrets": {"s": {"source": "/s"}}}
    return changed(pod, f"{C}.image", IMAGE) if image else pod


def fetching(uri: str = "http://x/y", **artifact: Any) -> Json:
    return changed(MINIMAL, f"{C}.artifacts", [{"uri": uri, **artifact}])


def together(destinations: list[str | None], mount: str = "", uri: str = "http://x/y", **more: Any) -> Json:
    """A pod whose container fetches files, and mounts a volume of a kind."""
    artifact = {"uri": uri, "cache": more.pop("cache", False)}
    paths = ({} if path is None else {"destPath": path} for path in destinations)
    pod = mounting(*([mount] if mount else []), **more)
    return changed(pod, f"{C}.artifacts", [artifact | path for path in paths])


def beside_a_secret(secret: str, volume: str) -> Json:
    """A pod that mounts a secret at a path, and a volume at another."""
    pod = mounting(secret, volume)
    return pod | {"volumes": [{"name": "v0", "secret": "s"}, {"name": "v1"}], "secrets": {"s": {"source": "/s"}}}


def twice(pod: Json) -> Json:
    """A pod with one more container that mounts the same: it may fill a volume before the other starts."""
    return pod | {"containers": [*pod["containers"], pod["containers"][0] | {"name": "other"}]}


def checking(protocol: list[str] | None, kind: str = "http", check: str = "healthCheck") -> Json:
    endpoint = {"name": "e", "hostPort": 0} | ({} if protocol is None else {"protocol": protocol})
    pod = changed(MINIMAL, f"{C}.endpoints", [endpoint])
    asked: Any = {kind: {"endpoint": "e"}}
    return changed(pod, f"{C}.{check}", [asked] if check == "healthChecks" else asked)


def running(**command: Any) -> Json:
    return changed(MINIMAL, f"{C}.exec", {"command": command})


MOUNT, URI, DEST = f"{AT}/volumeMounts(0)/mountPath", f"{AT}/artifacts(0)/uri", f"{AT}/artifacts(0)/destPath"
SECOND = f"{AT}/volumeMounts(1)/mountPath"
LONG = "x" * (LARGEST_LAUNCH - 1)

REFUSED = [
    (mounting("../x"), MOUNT, "out of the sandbox"),
    (mounting("a/../../x"), MOUNT, "out of the sandbox"),
    (mounting("/../x", image=True), MOUNT, "out of the container"),
    (mounting("/a/../../x"), MOUNT, "out of the container"),
    (mounting("."), MOUNT, "not the sandbox itself"),
    (mounting("a/.."), MOUNT, "not the sandbox itself"),
    (mounting("/", image=True), MOUNT, "not its root"),
    (mounting("stdout"), MOUNT, "output"),
    (mounting("./stderr/x"), MOUNT, "output"),
    (mounting("x" * 256), MOUNT, "255"),
    (mounting("€" * 86), MOUNT, "255"),
    (mounting("/".join(["€" * 80] * 12)), MOUNT, "2048"),
    (mounting("a/b", "a//b/"), SECOND, "volume v0"),
    (mounting("a", "./x/../a"), SECOND, "volume v0"),
    (mounting("/a", "/a/.", image=True), SECOND, "volume v0"),
    (mounting("a", "/mnt/mesos/sandbox/a", image=True), SECOND, "volume v0"),
    (mounting("h", host="etc"), "/volumes(0)/host", "must be absolute"),
    (mounting("/mnt", host="../etc"), "/volumes(0)/host", "out of the sandbox"),
    (mounting("h", host="/" + "x" * 256), "/volumes(0)/host", "255"),
    (fetching(destPath="/tmp/x"), DEST, "relative"),
    (fetching(destPath="../x"), DEST, "out of the sandbox"),
    (fetching(destPath="a/../../x"), DEST, "out of the sandbox"),
    (fetching(destPath="./"), DEST, "not the sandbox itself"),
    (fetching(destPath="stdout/x"), DEST, "output"),
    (fetching(destPath="x" * 256), DEST, "255"),
    (fetching("http://x"), URI, "no path"),
    (fetching("http://x/it's"), URI, "quote"),
    (fetching("http://x\\y/z"), URI, "quote"),
    (fetching("http://x/y/"), URI, "destPath"),
    *((fetching("http://x/y", destPath=path), DEST, "file name: a") for path in ("a/", "a/.", "a/b/..")),
    *((fetching(uri, destPath="z"), URI, "no path") for uri in ("http://x/", "hdfs://x", " http://x/", "file://")),
    *((fetching(uri, destPath="z"), URI, "blank") for uri in (" ", "\t\n")),
    *(
        (fetching(uri, destPath="z"), URI, "three slashes")
        for uri in ("file://x/y", " file://x/y", "file://localhostx/y")
    ),
    *(
        (fetching(uri, destPath="z"), URI, "directories")
        for uri in ("/x/", "x/", "/", "file:///x/", "/x/.", "file:///x/..")
    ),
    *((fetching(uri), URI, "directories") for uri in ("/x/", "..", "file://localhost/x/")),
    *((fetching(f"http://x/y/{name}"), URI, "no name") for name in (".", "..")),
    (together(["a", "a/b"]), f"{AT}/artifacts(1)/destPath", "below a, the file from artifacts(0)"),
    (together(["x/y/z/w", "x/./y"]), DEST, "below x/y, the file from artifacts(1)"),
    (together(["a/b", None], uri="http://x/a"), DEST, "below a, the file from artifacts(1)"),
    (together(["a"], "./a"), MOUNT, "artifacts(0)"),
    (together(["a/b"], "/mnt/mesos/sandbox//a/b/", image=True), MOUNT, "artifacts(0)"),
    (together(["a"], "a/b/c"), MOUNT, "below a, the file from artifacts(0)"),
    (together(["a"], "a/b", host="/x"), MOUNT, "below a, the file from artifacts(0)"),
    (together(["a"], "a/b", secret="s"), MOUNT, "below a, the file from artifacts(0)"),
    (together(["a"], "/mnt/mesos/sandbox/a", image=True), MOUNT, "artifacts(0)"),
    (together(["a"], "/mnt/mesos/sandbox/a/b", image=True), MOUNT, "below a, the file from artifacts(0)"),
    (together(["a/b"], "a", secret="s"), DEST, "a secret"),
    (together(["a/b"], "/mnt/mesos/sandbox/a", secret="s", image=True), DEST, "a secret"),
    (beside_a_secret("s", "s/x"), SECOND, "below secret v0"),
    (beside_a_secret("/s", "/s/x/y"), SECOND, "below secret v0"),
    (beside_a_secret("s/x", "s"), MOUNT, "it is empty"),
    (beside_a_secret("/s/x", "/s"), MOUNT, "it is empty"),
    *((mounting("/proc", image=image), MOUNT, "Mesos needs") for image in (True, False)),
    (mounting("/proc", host="made"), MOUNT, "Mesos needs"),
    (mounting("/dev/", image=True, host="/x/../dev"), MOUNT, "makes its own"),
    *((mounting(path), MOUNT, "Mesos needs") for path in ("/dev", "/etc/", "/x/../dev")),
    *((mounting(path, image=True, secret="s"), MOUNT, "is a file") for path in ("/proc", "/sys", "/dev")),
    *((checking(["udp"], kind, check), None, "udp") for kind in ("http", "tcp") for check in ("healthCheck", "check")),
    (checking(["UDP"], "tcp", "readinessCheck"), f"{AT}/readinessCheck/tcp/endpoint", "udp"),
    (checking(["udp"], "tcp", "healthChecks"), f"{AT}/healthChecks(0)/tcp/endpoint", "udp"),
    (running(argv=[""]), f"{AT}/exec/command/argv(0)", "empty"),
    (
        changed(MINIMAL, f"{C}.healthCheck", {"exec": {"command": {"argv": ["", "x"]}}}),
        f"{AT}/healthCheck/exec/command/argv(0)",
        "empty",
    ),
    (changed(MINIMAL, "user", "a:b"), "/user", "colons"),
    (changed(MINIMAL, f"{C}.user", "a\nb"), f"{AT}/user", "control"),
    (running(shell=LONG), f"{AT}/exec/command/shell", "artifacts"),
    (running(argv=["x", LONG]), f"{AT}/exec/command/argv(1)", "artifacts"),
    (running(argv=["x" * 12] * 10_000), f"{AT}/exec/command/argv", "artifacts"),
    (changed(MINIMAL, f"{C}.environment", {"A": LONG}), f"{AT}/environment/A", "artifacts"),
    (changed(MINIMAL, "environment", {"A": "\n" * 60_000}), "/environment/A", "artifacts"),
    (changed(MINIMAL, "environment", {f"A{i}": "x" * 1000 for i in range(120)}), "/environment", "artifacts"),
    (
        changed(MINIMAL, f"{C}.lifecycle", {"preStop": {"command": {"shell": LONG}}}),
        f"{AT}/lifecycle/preStop/command/shell",
        "artifacts",
    ),
    (
        changed(MINIMAL, f"{C}.check", {"exec": {"command": {"shell": LONG}}}),
        f"{AT}/check/exec/command/shell",
        "artifacts",
    ),
]

REFUSED += [
    (changed(MINIMAL, f"{C}.{part}.{key}", amount), f"{AT}/{part}/{key}", "no agent")
    for part, keys in (("resources", ("cpus", "mem", "disk")), ("resourceLimits", ("cpus", "mem")))
    for key in keys
    for amount in (1e13, 1e308)
]
REFUSED.append((MINIMAL | {"executorResources": {"mem": 1e308}}, "/executorResources/mem", "no agent"))

ACCEPTED = [
    changed(MINIMAL, f"{C}.resources.mem", 1e12),
    *(mounting(path) for path in ("a/../b", "./a", "a//b/", "a..b", "...", "x" * 255, "€" * 85, "stdout2", "a/stdout")),
    *(mounting(path) for path in ("/mnt", "/mnt/../mnt", "/", "/a/stdout")),
    *(mounting(path, image=True) for path in ("/a/../b", "/mnt/mesos/sandbox", "/mnt/mesos/sandbox/../x")),
    mounting("a", "a/b"),
    mounting("a/b", "a"),
    mounting("a", "/a"),
    mounting("a", "/mnt/mesos/sandbox/a"),
    mounting("h", host="/etc/../etc"),
    mounting("/mnt", host="etc"),
    *(
        fetching(destPath=path)
        for path in ("a/b/c", "a/b", "a/../x", "a..b", "stdout", "stdout.txt", "it's", "a:b,c\nd")
    ),
    fetching(destPath="a/", cache=True, extract=True),
    fetching("http://x/y/", destPath="z"),
    fetching("http://x/../", destPath="z"),
    *(
        fetching(uri, destPath="z")
        for uri in (" http://x/y", "file:///x", "\nfile:///x/y", "file://localhost/x", "c://x")
    ),
    fetching("/etc/hostname"),
    together(["a", "a"]),
    together(["a", "ab/c", "b/a"]),
    together(["a/b", "a/c", "a"], cache=True),
    together(["a"], "a", cache=True),
    together(["a/b"], "a"),
    *(together(["a"], "a", **kind) for kind in ({"host": "/x"}, {"secret": "s"})),
    together(["a"], "/a"),
    together(["a"], "/mnt/mesos/sandbox"),
    together(["a/b"], "/mnt/mesos/sandbox/a", image=True),
    beside_a_secret("s", "/s/x"),
    twice(beside_a_secret("s/x", "s")),
    *(twice(mounting(path)) for path in ("/dev", "/etc")),
    *(mounting(path, image=True, host="/dev") for path in ("/devices", "/dev/x")),
    mounting("/dev", image=True, host="/dev/shm"),
    *(mounting(path, image=True) for path in ("/dev", "/etc", "/sys", "/proc/sys")),
    *(mounting(path) for path in ("/sys", "/dev/shm", "/etc/x", "dev", "proc")),
    *(mounting(path, host=path) for path in ("/proc", "/dev", "/etc", "/sys")),
    *(mounting(path, secret="s") for path in ("/etc/x", "proc")),
    fetching("etc/hostname"),
    fetching("hdfs://x/y?z=1/w"),
    *(checking(protocol) for protocol in (None, ["tcp"], ["TCP", "udp"], ["HTTP"], ["sctp"])),
    running(argv=["x", ""]),
    changed(running(argv=[""]), f"{C}.image", IMAGE),
    running(shell="true", argv=[""]),
    changed(MINIMAL, "user", "DOMAIN\\some one"),
    running(shell="x" * (LARGEST_LAUNCH - 2)),
    changed(MINIMAL, "environment", {"A": "x" * (LARGEST_LAUNCH - 100)}),
]


@pytest.mark.parametrize(("definition", "path", "words"), REFUSED, ids=lambda value: str(value)[-60:])
def test_what_can_never_start_is_refused_at_its_place(definition: Json, path: str | None, words: str) -> None:
    problems = found(parse(json.dumps(definition).encode(), SITE))

    ((there, error),) = problems
    assert path is None or there == path
    assert words in error


@pytest.mark.parametrize("definition", ACCEPTED, ids=lambda value: str(value)[-60:])
def test_its_neighbour_that_can_start_is_not(definition: Json) -> None:
    assert isinstance(parse(json.dumps(definition).encode(), SITE), PodDefinition)


def test_a_size_is_that_of_the_json() -> None:
    assert of_text('a"\n\x01é') == len('"a\\"\\n\\u0001é"'.encode())
    reference = {"name": "S", "type": "SECRET", "secret": {"type": "REFERENCE", "reference": {"name": "x"}}}
    value = {"name": "S", "type": "SECRET", "secret": {"type": "VALUE", "value": {"data": "eHh4"}}}
    sizes = [of_task({"command": {"environment": {"variables": [each]}}}) for each in (reference, value)]
    assert sizes[1] - sizes[0] == len("xxx")
