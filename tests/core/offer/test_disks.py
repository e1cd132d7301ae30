"""The disk for each persistent volume."""

from typing import Any

import pytest

from scheduler.core.offer.disks import Disks, Picked
from scheduler.core.offer.refusals import Refusal
from scheduler.core.offer.resources import Ledger
from scheduler.model.definition import Volume
from scheduler.model.json import Json
from tests.core.support import container, definition, offer, scalar

RESERVED = {"reservations": [{"type": "STATIC", "role": "db"}]}


def disk(size: float, kind: str, root: str, **more: Any) -> Json:
    """A disk of an agent in addition to its main one."""
    source = {"type": kind.upper(), kind: {"root": root}, **{k: more.pop(k) for k in ("profile",) if k in more}}
    return scalar("disk", size, disk={"source": source, **more.pop("disk", {})}, **more)


def volumes(**asked: Json) -> tuple[Volume, ...]:
    """Persistent volumes by their names, with their types, as they are stored."""
    return definition(
        container(volumeMounts=[{"name": name, "mountPath": name} for name in asked]),
        volumes=[{"name": name, "persistent": {"type": "root", **members}} for name, members in asked.items()],
    ).volumes


def pick(wanted: tuple[Volume, ...], *resources: Json) -> list[Json] | Refusal:
    """The outcome of picking from an offer of these resources."""
    given = offer(resources=resources)
    outcome = Disks.of_offer(given).pick(wanted, Ledger(given))
    return list(outcome.resources) if isinstance(outcome, Picked) else outcome


def test_root_is_a_part_of_the_main_disk() -> None:
    wanted = volumes(a={"size": 10}, b={"size": 20})

    assert pick(wanted, scalar("disk", 30)) == [scalar("disk", 10), scalar("disk", 20)]
    assert pick(wanted, scalar("disk", 29)) == Refusal("InsufficientDisk", "volume a: root of 10", "9")


def test_a_root_volume_never_lies_on_another_disk() -> None:
    outcome = pick(volumes(a={"size": 10}), disk(1000, "path", "/p"), disk(1000, "mount", "/m"))

    assert outcome == Refusal("InsufficientDisk", "volume a: root of 10", "0")


def test_path_is_a_part_of_the_largest_path_disk() -> None:
    wanted = volumes(a={"type": "path", "size": 40}, b={"type": "path", "size": 80}, c={"type": "path", "size": 10})

    outcome = pick(wanted, scalar("disk", 1000), disk(100, "path", "/one"), disk(110, "path", "/two"))

    assert outcome == [disk(40, "path", "/one"), disk(80, "path", "/two"), disk(10, "path", "/one")]


def test_a_volume_never_spans_two_disks() -> None:
    outcome = pick(volumes(a={"type": "path", "size": 150}), disk(100, "path", "/one"), disk(100, "path", "/two"))

    assert outcome == Refusal("InsufficientDisk", "volume a: path of 150", "100")


def test_mount_is_the_smallest_whole_disk_that_is_large_enough() -> None:
    disks = [disk(500, "mount", "/large"), disk(100, "mount", "/fits"), disk(50, "mount", "/small")]

    assert pick(volumes(a={"type": "mount", "size": 60}), *disks) == [disk(100, "mount", "/fits")]
    assert pick(volumes(a={"type": "mount", "size": 600}), *disks) == Refusal(
        "InsufficientDisk", "volume a: mount of 600", "500"
    )


def test_mount_is_no_larger_than_max_size() -> None:
    wanted = volumes(a={"type": "mount", "size": 60, "maxSize": 99})

    assert pick(wanted, disk(100, "mount", "/m"), disk(99, "mount", "/n")) == [disk(99, "mount", "/n")]
    assert pick(wanted, disk(100, "mount", "/m")) == Refusal("InsufficientDisk", "volume a: mount of 60 to 99", "100")


def test_whole_disks_go_first_to_those_who_have_less_choice() -> None:
    """In the order asked, a would take the only disk that b can have."""
    wanted = volumes(a={"type": "mount", "size": 10}, b={"type": "mount", "size": 10, "maxSize": 50})

    outcome = pick(wanted, disk(50, "mount", "/fifty"), disk(100, "mount", "/hundred"))

    assert outcome == [disk(100, "mount", "/hundred"), disk(50, "mount", "/fifty")]


def test_a_whole_disk_is_given_once() -> None:
    wanted = volumes(a={"type": "mount", "size": 10}, b={"type": "mount", "size": 10})

    assert pick(wanted, disk(50, "mount", "/m")) == Refusal("InsufficientDisk", "volume b: mount of 10", "0")


def test_the_profile_must_be_the_one_asked_for() -> None:
    wanted = volumes(a={"type": "mount", "size": 10, "profileName": "fast"})

    assert pick(wanted, disk(50, "mount", "/m"), disk(60, "mount", "/f", profile="fast")) == [
        disk(60, "mount", "/f", profile="fast")
    ]
    assert pick(wanted, disk(50, "mount", "/s", profile="slow"), disk(40, "mount", "/m")) == Refusal(
        "InsufficientDisk", "volume a: mount of 10 with profile fast", "50 with profile slow"
    )
    assert pick(wanted, disk(40, "mount", "/m")) == Refusal(
        "InsufficientDisk", "volume a: mount of 10 with profile fast", "40 without a profile"
    )
    assert isinstance(pick(volumes(a={"size": 10, "profileName": "fast"}), scalar("disk", 50)), Refusal)


@pytest.mark.parametrize("kind", ["path", "mount"])
def test_a_disk_with_a_profile_is_for_those_who_ask_for_it(kind: str) -> None:
    """It is special, and a whole one is used up by one volume."""
    wanted = volumes(a={"type": kind, "size": 10})
    special, plain = disk(60, kind, "/f", profile="fast"), disk(50, kind, "/m")

    assert pick(wanted, special) == Refusal("InsufficientDisk", f"volume a: {kind} of 10", "60 with profile fast")
    assert pick(wanted, special, plain) == [plain if kind == "mount" else disk(10, kind, "/m")]
    assert pick(volumes(a={"type": kind, "size": 55}), special, plain) == Refusal(
        "InsufficientDisk", f"volume a: {kind} of 55", "50"
    )
    assert isinstance(pick(wanted, disk(60, kind, "/n", profile="")), list), "an empty profile is none"


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        (["path", "LIKE", "/ssd/.*"], "/ssd/0"),
        (["path", "UNLIKE", "/ssd/.*"], "/hdd/0"),
        (["path", "like", "/hdd/0"], "/hdd/0"),
        (["path", "LIKE", "/ssd"], None),
        (["path", "LIKE", "(?=/ssd)/.*"], None),  # of an older definition: refused today
        (["path", "UNLIKE", "(?=/ssd)/.*"], None),
    ],
)
def test_constraints_are_on_where_the_disk_is_mounted_and_match_it_whole(
    constraint: list[str], expected: str | None
) -> None:
    wanted = volumes(a={"type": "path", "size": 10, "constraints": [constraint]})

    outcome = pick(wanted, disk(50, "path", "/ssd/0"), disk(40, "path", "/hdd/0"))

    assert outcome == (
        Refusal("InsufficientDisk", f"volume a: path of 10 {' '.join(constraint)}", "50")
        if expected is None
        else [disk(10, "path", expected)]
    )


def test_the_main_disk_is_nowhere_a_constraint_could_name() -> None:
    like, unlike = (volumes(a={"size": 10, "constraints": [["path", word, ".*"]]}) for word in ("LIKE", "UNLIKE"))

    assert isinstance(pick(like, scalar("disk", 50)), Refusal)
    assert pick(unlike, scalar("disk", 50)) == [scalar("disk", 10)]


@pytest.mark.parametrize(
    "special",
    [
        RESERVED,
        {"role": "db"},
        {"revocable": {}},
        {"shared": {}},
        {"disk": {"persistence": {"id": "p"}, "volume": {"mode": "RW", "container_path": "data"}}},
    ],
)
def test_reserved_resources_are_not_touched(special: Json) -> None:
    wanted = volumes(a={"type": "path", "size": 10})

    assert isinstance(pick(wanted, disk(50, "path", "/p", **special)), Refusal)


@pytest.mark.parametrize("kind", ["BLOCK", "RAW"])
def test_disks_without_a_file_system_hold_no_volume(kind: str) -> None:
    raw = scalar("disk", 50, disk={"source": {"type": kind}})

    for wanted in ("path", "mount"):
        assert isinstance(pick(volumes(a={"type": wanted, "size": 10}), raw), Refusal)


def test_what_is_picked_is_not_picked_again() -> None:
    given = offer(resources=[disk(50, "path", "/p"), disk(60, "mount", "/m")])
    wanted = volumes(a={"type": "path", "size": 30}, b={"type": "mount", "size": 30})
    first = Disks.of_offer(given).pick(wanted, Ledger(given))

    assert isinstance(first, Picked)
    assert first.rest.pick(wanted, Ledger(given)) == Refusal("InsufficientDisk", "volume a: path of 30", "20")
    again = Disks.of_offer(given).pick(wanted, Ledger(given))
    assert isinstance(again, Picked)
    assert again.resources == first.resources
