"""Checks the references between records: each record that is referred to must exist.

Otherwise a missing record would be noticed only when it is needed, long after the start, and end the scheduler then.
"""

from collections.abc import Iterable, Iterator, Sequence

from scheduler.core.frame import Record, definition_key, key_of
from scheduler.model.definition import PodDefinition
from scheduler.model.records import Deployment, Framework, Goal, Instance, Pod
from scheduler.store.base import READABLE, StoreError

_SHOWN = 5
_KINDS: dict[type[Record], str] = {Pod: "pod", Instance: "instance", Deployment: "deployment"}


def check_references(records: Sequence[Record]) -> None:
    """Raise StoreError, with the first few problems, if a record is missing."""
    problems = list(_problems(records))
    if problems:
        more = f" and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise StoreError(
            f"records are missing in the store: {'; '.join(problems[:_SHOWN])}{more}. Nothing was changed. "
            f"Restore a backup of the store; {READABLE}"
        )


def _problems(records: Sequence[Record]) -> Iterator[str]:
    definitions = {key_of(record)[1] for record in records if isinstance(record, PodDefinition)}
    pods = {record.id for record in records if isinstance(record, Pod)}
    # A deployment that removes several pods ends their instances step by step, dependents first.
    pods |= {change.pod_id for record in records if isinstance(record, Deployment) for change in record.changes}
    for record in records:
        for version, pod_id in _needs(record):
            if definition_key(pod_id, version) not in definitions:
                yield (
                    f"the {_KINDS[type(record)]} {key_of(record)[1]!r} refers to version {version!r} of the pod "
                    f"{pod_id!r}, whose definition is missing"
                )
        if isinstance(record, Instance) and record.goal is Goal.RUNNING and record.pod_id not in pods:
            yield f"the instance {record.id!r} is to run, but its pod {record.pod_id!r} is missing"
    launched = next((record for record in records if _was_launched(record)), None)
    if launched is not None and not any(isinstance(record, Framework) for record in records):
        yield (
            f"the {_KINDS[type(launched)]} {key_of(launched)[1]!r} was launched, but the framework's id is missing, "
            "without which a new framework would be registered and every running pod lost"
        )


def _needs(record: Record) -> Iterable[tuple[str, str]]:
    """(version, pod id) of the definitions that a record refers to."""
    match record:
        case Pod():
            return ((record.version, record.id),)
        case Instance():
            return ((record.version, record.pod_id),)
        case Deployment():
            return tuple((change.before[0], change.pod_id) for change in record.changes if change.before is not None)
        case _:
            return ()


def _was_launched(record: Record) -> bool:
    match record:
        case Instance():
            return record.incarnation > 0
        case Pod():
            return bool(record.terminations)
        case _:
            return False
