"""Validates an offer from the master: every member that the core reads, and no others.

The shapes of its parts are also those of parts of agents, as masters list them.
"""

from scheduler.model.shapes import amount, every, identifier, members, name, number, of_kind, text, whole

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
_PLACE = members({}, {"name": name})

nanoseconds = members({"nanoseconds": whole})
resources = every(_RESOURCE)
attributes = every(_ATTRIBUTE)
domain = members({}, {"fault_domain": members({}, {"region": _PLACE, "zone": _PLACE})})
unavailability = members({"start": nanoseconds}, {"duration": nanoseconds})

complaint = members(
    {
        "id": identifier,
        "agent_id": identifier,
        "framework_id": identifier,
        "hostname": name,
        "allocation_info": members({"role": name}),
    },
    {
        "resources": resources,
        "attributes": attributes,
        "executor_ids": every(identifier),
        "domain": domain,
        "unavailability": unavailability,
    },
)
