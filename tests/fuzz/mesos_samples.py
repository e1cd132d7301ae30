"""Events of masters and answers of masters and agents, as they should be."""

import base64
import gzip
import json
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from podexec.wire import Finding, StatusLabels, UsageAnswer, Use
from tests.core.support import offer
from tests.fuzz.mutation import mutated_json

_RECORDED = Path(__file__).parents[1] / "recording" / "files" / "run.json.gz"
_STATES = (
    *("TASK_STARTING", "TASK_RUNNING", "TASK_RUNNING", "TASK_KILLING", "TASK_FINISHED", "TASK_FAILED", "TASK_KILLED"),
    *(
        "TASK_ERROR",
        "TASK_LOST",
        "TASK_DROPPED",
        "TASK_UNREACHABLE",
        "TASK_GONE",
        "TASK_GONE_BY_OPERATOR",
        "TASK_UNKNOWN",
    ),
)
_REASONS = ("REASON_RECONCILIATION", "REASON_EXECUTOR_TERMINATED", "REASON_AGENT_REMOVED", "REASON_TASK_UNKNOWN", None)
_OPERATIONS = (
    "OPERATION_FINISHED",
    "OPERATION_FAILED",
    "OPERATION_ERROR",
    "OPERATION_DROPPED",
    "OPERATION_UNREACHABLE",
)


@cache
def recorded_offers() -> list[Any]:
    """The offers of a real master."""
    with gzip.open(_RECORDED, "rt") as file:
        told = [json.loads(line) for line in file]
    return [each for line in told if line.get("event") == "OffersReceived" for each in line["data"]["offers"]]


def _offers(random: Random, *_: str) -> Any:
    offers = [offer(f"O{random.randrange(99)}", f"A{random.randrange(4)}"), *random.sample(recorded_offers(), 2)]
    return {"type": "OFFERS", "offers": {"offers": offers * random.choice((1, 1, 1, 60))}}


def _inverse_offers(random: Random, _task: str, _executor: str, agent: str) -> Any:
    unavailability = {"start": {"nanoseconds": 1_700_000_000_000_000_000}, "duration": {"nanoseconds": 10**12}}
    told = {"id": {"value": "I1"}, "agent_id": {"value": agent}, "unavailability": unavailability}
    return {"type": "INVERSE_OFFERS", "inverse_offers": {"inverse_offers": [told]}}


def _rescind(random: Random, *_: str) -> Any:
    return {"type": "RESCIND", "rescind": {"offer_id": {"value": f"O{random.randrange(9)}"}}}


def _update(random: Random, task: str, executor: str, agent: str) -> Any:
    findings = (Finding("http", True, "HTTP 200"), Finding("exec", False, "exit 1"))
    told = {
        "task_id": {"value": task},
        "agent_id": {"value": agent},
        "executor_id": {"value": executor},
        "state": random.choice(_STATES),
        "source": "SOURCE_EXECUTOR",
        "reason": random.choice(_REASONS),
        "message": "Command exited with status 1",
        "timestamp": 1_700_000_001.5,
        "uuid": base64.b64encode(random.randbytes(16)).decode(),
        "healthy": random.choice((True, False)),
        "labels": StatusLabels(True, 3, findings).encode(),
        "check_status": {"type": "HTTP", "http": {"status_code": 200}},
        "container_status": {
            "container_id": {"value": "main", "parent": {"value": "root"}},
            "network_infos": [{"name": "dcos", "ip_addresses": [{"protocol": "IPv4", "ip_address": "10.0.0.9"}]}],
        },
    }
    left_out = random.sample(sorted(told), random.randrange(4))
    kept = {name: value for name, value in told.items() if value is not None and name not in left_out}
    return {"type": "UPDATE", "update": {"status": kept}}


def _operation(random: Random, _task: str, _executor: str, agent: str) -> Any:
    told = {
        "operation_id": {"value": random.choice(("reserve", "db#data#u"))},
        "state": random.choice(_OPERATIONS),
        "message": "no such resource",
        "agent_id": {"value": agent},
        "uuid": {"value": "dXVpZA=="},
        "resource_provider_id": {"value": "p"},
    }
    return {"type": "UPDATE_OPERATION_STATUS", "update_operation_status": {"status": told}}


def _message(_random: Random, _task: str, executor: str, agent: str) -> Any:
    data = UsageAnswer(1, 6.0, {"web-1": Use(2.5, 77, 4)}).encode()
    return {
        "type": "MESSAGE",
        "message": {"agent_id": {"value": agent}, "executor_id": {"value": executor}, "data": data},
    }


def _odd_message(random: Random, task: str, executor: str, agent: str) -> Any:
    """Only what the executor wrote is changed."""
    told = {
        "number": 1,
        "at": 6.0,
        "usage": {"number": 1, "containers": {"web-1": {"cpu_seconds": 1, "memory_bytes": 7}}},
    }
    data = base64.b64encode(mutated_json(random, told)).decode()
    return {
        "type": "MESSAGE",
        "message": {"agent_id": {"value": agent}, "executor_id": {"value": executor}, "data": data},
    }


def _odd_labels(random: Random, task: str, executor: str, agent: str) -> Any:
    event = _update(random, task, executor, agent)
    checks = json.loads(json.dumps([{"check": "c", "passed": True, "result": "r"}]))
    labels = [
        {"key": "checks", "value": mutated_json(random, checks).decode("latin-1")},
        {"key": "restarts", "value": random.choice(("9" * 5000, "-1", "٣", "1e9", "999999999", ""))},
    ]
    event["update"]["status"]["labels"] = {"labels": labels}
    return event


def _failure(random: Random, _task: str, executor: str, agent: str) -> Any:
    told: Any = {"agent_id": {"value": agent}, "executor_id": {"value": executor}, "status": 256}
    if random.random() < 0.3:
        del told["executor_id"]
    return {"type": "FAILURE", "failure": told}


def _subscribed(*_: Any) -> Any:
    domain = {"fault_domain": {"region": {"name": "r"}, "zone": {"name": "z"}}}
    info = {"version": "1.11.0", "domain": domain}
    told = {"framework_id": {"value": "F-1"}, "heartbeat_interval_seconds": 15, "master_info": info}
    return {"type": "SUBSCRIBED", "subscribed": told}


def _other(random: Random, *_: str) -> Any:
    kind = random.choice(("HEARTBEAT", "RESCIND_INVERSE_OFFER", "SOMETHING", "ERROR", "HEARTBEAT"))
    return {"type": kind, kind.lower(): {"message": "x", "inverse_offer_id": {"value": "I1"}}}


EVENTS = (
    *(_offers, _offers, _inverse_offers, _rescind, _update, _update, _update, _update, _odd_labels, _operation),
    *(_message, _odd_message, _failure, _subscribed, _other),
)
_LISTED = {"id": "A1", "hostname": "a1.example", "pid": "slave(1)@10.0.0.2:5051", "active": True}
_NAMESAKE = {
    "framework_info": {"name": "podexec", "id": {"value": "F-0"}},
    "connected": False,
    "allocated_resources": [{"name": "cpus"}],
}
ANSWERS: dict[str, Any] = {
    "agents": {"slaves": [_LISTED, _LISTED | {"id": "A2"}], "recovered_slaves": [_LISTED | {"id": "A9"}]},
    "flags": {"flags": {"isolation": "filesystem/linux, cgroups/cpu ,network/cni", "attributes": "rack:1"}},
    "frameworks": {"type": "GET_FRAMEWORKS", "get_frameworks": {"frameworks": [_NAMESAKE]}},
}
