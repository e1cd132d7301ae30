"""The chapter on the cluster's agents."""

from scheduler.api.openapi.parts import (
    AMOUNT,
    COUNT,
    FLAG,
    MOMENT,
    TEXT,
    answer,
    list_of,
    one_of,
    record,
    reference,
)
from scheduler.model.json import Json

PATHS: dict[str, Json] = {
    "/v2/agents": {
        "get": {
            "operationId": "listAgents",
            "summary": "List the cluster's agents, what is free there, and the instances on them",
            "responses": {"200": answer("The agents, by host name.", reference("Agents"))},
        },
    },
}

_STATES = (
    *("active", "disconnected", "deactivated", "draining", "drained"),
    *("recovering", "unregistered", "unknown"),
)
_RESOURCE = record(
    "An amount, and its parts.",
    {"total": AMOUNT},
    {
        "used": AMOUNT | {"description": "Allocated to any framework."},
        "free": AMOUNT | {"description": "Unused and unreserved."},
        "reserved": AMOUNT | {"description": "Unused and reserved for a role of this framework."},
        "reservedForOthers": AMOUNT | {"description": "Unused and reserved for other roles."},
    },
)

SCHEMAS: dict[str, Json] = {
    "Agents": record(
        "The cluster's agents.",
        {
            "source": one_of("master", "scheduler")
            | {"description": "scheduler: the master could not be asked, and only agents that the scheduler knows of."},
            "problems": list_of(TEXT) | {"description": "What is missing, and why."},
            "agents": list_of(reference("Agent")),
        },
    ),
    "Agent": record(
        "An agent, and the instances on it that the caller may view.",
        {
            "id": TEXT,
            "hostname": TEXT,
            "state": one_of(*_STATES)
            | {
                "description": "recovering: the master has been replaced, and the agent has yet to register again; "
                "unregistered: the master does not list it, but instances are on it; unknown: the master was not asked."
            },
            "attributes": list_of(
                record("An attribute; values of all types are strings.", {"name": TEXT, "text": TEXT})
            ),
            "resources": {"type": "object", "additionalProperties": _RESOURCE}
            | {"description": "cpus, mem and disk in MiB, gpus, and the number of ports; without revocable resources."},
            "ports": list_of(record("A range of ports, ends included.", {"begin": COUNT, "end": COUNT})),
            "instances": list_of(
                record(
                    "An instance on the agent, or one that the agent keeps volumes for.",
                    {"id": TEXT, "pod": TEXT},
                    {
                        "state": one_of(
                            "ready", "starting", "unhealthy", "unreachable", "waiting", "ending", "stopped"
                        ),
                        "hasVolumes": FLAG | {"description": "Its volumes are here, so it can run nowhere else."},
                        "message": TEXT | {"description": "Why it cannot be shown."},
                    },
                )
            ),
        },
        {
            "address": TEXT,
            "region": TEXT,
            "zone": TEXT,
            "version": TEXT,
            "registeredAt": MOMENT,
            "drain": record(
                "The agent is being emptied by its operator.",
                {"state": one_of("draining", "drained"), "markGone": FLAG},
                {"since": MOMENT, "maxGracePeriodSeconds": AMOUNT},
            ),
            "maintenance": record(
                "When its machine is scheduled to be under maintenance; without `end` for good.",
                {"start": MOMENT},
                {"end": MOMENT},
            ),
        },
    ),
}
