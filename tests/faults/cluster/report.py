"""The report of a run, for people: what was disturbed, what came of it, and each violation with its surroundings."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from tests.faults.cluster.checkers import ALL, Violation
from tests.faults.cluster.history import Entry, of_kind

_BEFORE_SECONDS, _AFTER_SECONDS = 15.0, 3.0
_MOST_VIOLATIONS, _MOST_LINES = 20, 60
_LONGEST = 300


def report(entries: Sequence[Entry], violations: Sequence[Violation]) -> str:
    """The whole report."""
    return "\n".join([*_summary(entries, violations), "", *_rounds(entries), *_violations(entries, violations), ""])


def _summary(entries: Sequence[Entry], violations: Sequence[Violation]) -> Iterator[str]:
    run = of_kind(entries, "run")[0]
    counts = ", ".join(f"{count} {name}" for name, count in run["topology"].items() if name != "ensemble")
    store = "a store in ZooKeeper" if run["topology"]["ensemble"] else "a store in SQLite"
    yield f"seed {run['seed']}: {counts}; {store}; {entries[-1]['t']:.0f} s"
    faults = Counter(entry["fault"]["kind"] for entry in of_kind(entries, "fault") if entry["phase"] == "begin")
    faults.update(entry["fault"] for entry in of_kind(entries, "store"))
    yield f"faults: {sum(faults.values())} ({_counted(faults)})"
    asked = {entry["op"]: entry["do"] for entry in of_kind(entries, "invoke")}
    answers = of_kind(entries, "answer")
    outcomes = Counter(entry["outcome"] for entry in answers)
    yield f"requests: {len(asked)} ({_counted(Counter(asked.values()))}); outcomes: {_counted(outcomes)}"
    ended = Counter(entry["server"] for entry in of_kind(entries, "ended") if not entry["wanted"])
    yield f"ended by themselves: {_counted(ended) or 'none'}"
    tasks = {task for entry in of_kind(entries, "live", "quiet") for *_, task in entry["live"]}
    yield f"containers that ran: {len(tasks)}; events: {len(of_kind(entries, 'event'))}"
    found = Counter(violation.rule for violation in violations)
    for checker in ALL:
        rule = checker.__name__.replace("_", "-")
        meaning = (checker.__doc__ or "").splitlines()[0]
        yield f"  {'FAILED ' + str(found[rule]) if found[rule] else 'ok':<10} {rule:<22} {meaning}"
    yield f"{len(violations)} violations" if violations else "no violations"


def _rounds(entries: Sequence[Entry]) -> Iterator[str]:
    """The schedule: what happened in each round, with its time in the run."""
    kinds = ("round", "fault", "store", "healed", "quiet", "restless")
    for entry in of_kind(entries, *kinds):
        yield _line(entry)


def _violations(entries: Sequence[Entry], violations: Sequence[Violation]) -> Iterator[str]:
    for number, violation in enumerate(violations[:_MOST_VIOLATIONS], 1):
        yield f"\nviolation {number}: {violation.rule} at {violation.t:g} s\n  {violation.text}"
        around = [
            entry
            for entry in entries
            if violation.t - _BEFORE_SECONDS <= entry["t"] <= violation.t + _AFTER_SECONDS
            and _belongs(entry, violation)
        ]
        yield from (f"  {_line(entry)}" for entry in around[-_MOST_LINES:])
    if len(violations) > _MOST_VIOLATIONS:
        yield f"\nand {len(violations) - _MOST_VIOLATIONS} more"


def _belongs(entry: Entry, violation: Violation) -> bool:
    """Whether an entry may explain a violation: it has the name in question, or is about servers."""
    if not violation.about or entry["kind"] in ("fault", "round", "healed", "ended", "started"):
        return bool(entry["kind"] != "live")
    return violation.about in str(entry)


def _line(entry: Entry) -> str:
    """An entry in a line."""
    write = _LINES.get(entry["kind"], _all_members)
    return f"{entry['t']:8.2f}  {write(entry)}"[:_LONGEST].rstrip()


_LINES: dict[str, Callable[[Entry], str]] = {
    "round": lambda entry: f"round {entry['number']}",
    "fault": lambda entry: f"  {entry['phase']:<5} {entry['text']} {entry.get('detail', '')}",
    "store": lambda entry: (
        f"  {entry['fault']}: {'told' if entry['told'] else 'not told'}; {_containers(entry['after'])}"
    ),
    "healed": lambda _: "  healed",
    "quiet": lambda entry: (
        f"  converged in {entry['seconds']:g} s: {len(entry['pods'])} pods, {_containers(entry['live'])}"
    ),
    "restless": lambda entry: f"  not converged in {entry['seconds']:g} s: {'; '.join(entry['differs'])}",
    "live": lambda entry: f"  {_containers(entry['live'])} run",
}


def _containers(live: Sequence[object]) -> str:
    return f"{len(live)} containers"


def _all_members(entry: Entry) -> str:
    rest = {name: value for name, value in entry.items() if name not in ("t", "kind") and value not in (None, "")}
    return f"  {entry['kind']} {' '.join(f'{name}={value}' for name, value in rest.items())}"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
