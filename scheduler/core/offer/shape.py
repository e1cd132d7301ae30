"""Validates an offer from the master: every member that the core reads, and no others."""

from scheduler.model.shapes import amount, every, identifier, members, number, of_kind, text, whole

_BOUNDS = members({"begin": whole, "end": whole})


def _range(value: object) -> str | None:
    complaint = _BOUNDS(value)
    if complaint is None and int(value["begin"]) > int(value["end"]):  # type: ignore[index] # it has both
        return " ends before it begins"
    return complaint


_RANGES = members({}, {"range": every(_range)})
_LABELS = members({}, {"labels": every(members({"key": text}, {"value": text}))})
_ROOT = members({}, {"root": text})
_PERSISTENCE = {"persistence": members({"id": text}), "volume": members({"container_path": text})}
_SOURCE = members({}, {"type": text, "profile": text, "path": _ROOT, "mount": _ROOT})
_DISK = members({}, {"source": _SOURCE})
_PERSISTENT_DISK = members(_PERSISTENCE, {"source": _SOURCE})


def _disk(value: object) -> str | None:
    is_persistent = type(value) is dict and "persistence" in value
    return _PERSISTENT_DISK(value) if is_persistent else _DISK(value)


_NAMED = {"name": text, "type": text}
_OF_ANY = {
    "role": text,
    "reservations": every(members({}, {"role": text, "labels": _LABELS})),
    "provider_id": identifier,
}
_ITEMS = members({}, {"item": every(text)})
_RESOURCE = of_kind(
    "type",
    {
        "SCALAR": members({**_NAMED, "scalar": members({"value": amount})}, {**_OF_ANY, "disk": _disk}),
        "RANGES": members({**_NAMED, "ranges": _RANGES}, {**_OF_ANY, "disk": lambda _: " is only for scalars"}),
        "SET": members({**_NAMED, "set": _ITEMS}, {**_OF_ANY, "disk": lambda _: " is only for scalars"}),
    },
)
_ATTRIBUTE = of_kind(
    "type",
    {
        "SCALAR": members({**_NAMED, "scalar": members({"value": number})}),
        "RANGES": members({**_NAMED, "ranges": _RANGES}),
        "SET": members({**_NAMED, "set": _ITEMS}),
        "TEXT": members({**_NAMED, "text": members({"value": text})}),
    },
)
_PLACE = members({}, {"name": text})
_NANOSECONDS = members({"nanoseconds": whole})

complaint = members(
    {
        "id": identifier,
        "agent_id": identifier,
        "framework_id": identifier,
        "hostname": text,
        "allocation_info": members({"role": text}),
    },
    {
        "resources": every(_RESOURCE),
        "attributes": every(_ATTRIBUTE),
        "executor_ids": every(identifier),
        "domain": members({}, {"fault_domain": members({}, {"region": _PLACE, "zone": _PLACE})}),
        "unavailability": members({"start": _NANOSECONDS}, {"duration": _NANOSECONDS}),
    },
)
