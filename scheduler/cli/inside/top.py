"""``podexec pod top``: resource usage of containers next to what they requested."""

from typing import Any

from scheduler.cli.look import Look
from scheduler.cli.screen import Grid, Word
from scheduler.model.json import Json

_WHOSE = ("INSTANCE", "CONTAINER")
_NUMBERS = ("CPUS", "OF", "CPU%", "MEMORY MIB", "OF", "MEM%", "PROCESSES")
_MIB = 1024 * 1024
_UNKNOWN = "-"


def table(before: list[Json], now: list[Json], look: Look) -> Grid:
    """One row for each container, from two measurements."""
    ids = look.ids(each["instance"] for each in now)
    shown = Grid((*_WHOSE, *_NUMBERS), numbers=frozenset(_NUMBERS))
    earlier = {key: used for instance in before for key, used, _ in _measured(instance)}
    for instance in now:
        for key, used, requested in _measured(instance):
            shown.add(ids[key[0]], key[1] or "(pod)", *_cells(earlier.get(key, {}), used, requested))
        if "message" in instance:
            shown.add(ids[instance["instance"]], Word(instance["message"], "red"))
    return shown


def _measured(instance: Json) -> list[tuple[tuple[str, str], Json, Json]]:
    """Usage and request of the pod, under an empty name, and of each container."""
    rows = [((instance["instance"], each["name"]), each["used"], each["requested"]) for each in instance["containers"]]
    whole = {"cpus": instance.get("total", {}).get("cpusLimit"), "mem": None}
    return [((instance["instance"], ""), instance["total"], whole), *rows] if "total" in instance else rows


def _cells(before: Json, now: Json, requested: Json) -> list[str]:
    cpus = _cpus(before, now)
    memory = now.get("memoryBytes")
    mem = None if memory is None else memory / _MIB
    asked_mem = requested.get("mem") or (now["memoryLimitBytes"] / _MIB if "memoryLimitBytes" in now else None)
    return [
        _text(cpus, "{:.2f}"),
        _text(requested.get("cpus"), "{:g}"),
        _share(cpus, requested.get("cpus")),
        _text(mem, "{:.1f}"),
        _text(asked_mem, "{:g}"),
        _share(mem, asked_mem),
        _text(now.get("processes"), "{}"),
    ]


def _cpus(before: Json, now: Json) -> float | None:
    """CPUs used on average between two measurements; None across a restart, which resets the counter."""
    try:
        seconds = now["takenAt"] - before["takenAt"]
        used = now["cpuSeconds"] - before["cpuSeconds"]
    except KeyError:
        return None
    return None if seconds <= 0 or used < 0 else float(used / seconds)


def _share(part: float | None, whole: float | None) -> str:
    return _UNKNOWN if part is None or not whole else f"{100 * part / whole:.0f}%"


def _text(value: Any, form: str) -> str:
    return _UNKNOWN if value is None else form.format(value)
