"""Records of every kind, with every field filled."""

from msgspec.structs import replace

from scheduler.core.frame import Record
from scheduler.model.definition import PodDefinition
from scheduler.model.records import (
    Abandoned,
    Action,
    Agent,
    Clock,
    Condition,
    Deed,
    Deployment,
    Ended,
    Framework,
    Goal,
    Happening,
    HistoryEntry,
    Instance,
    LocalVolume,
    NetworkAddress,
    Pod,
    PodChange,
    Reservation,
    Task,
    TaskEnd,
    Termination,
    What,
)

VERSION = "2026-11-01T00:00:00.000Z"


def definition(pod_id: str = "/shop/web", version: str = VERSION) -> PodDefinition:
    return PodDefinition.model_validate_json(
        f"""{{
        "id": "{pod_id}", "version": "{version}", "labels": {{"tier": "front", "größe": "∞"}},
        "containers": [{{
            "name": "web", "exec": {{"command": {{"shell": "run"}}}}, "resources": {{"cpus": 0.5, "mem": 64}},
            "endpoints": [{{"name": "http", "containerPort": 80, "hostPort": 0, "protocol": ["tcp"]}}],
            "healthCheck": {{"http": {{"endpoint": "http", "path": "/"}}}},
            "volumeMounts": [{{"name": "data", "mountPath": "/data"}}]
        }}],
        "volumes": [{{"name": "data"}}], "networks": [{{"mode": "container", "name": "podnet"}}]
        }}"""
    )


def instance(name: str = "shop_web.instance-1", pod_id: str = "/shop/web") -> Instance:
    task = Task(
        id=f"{name}.web.1",
        container="web",
        condition=Condition.RUNNING,
        staged_at=100.0,
        since=101.5,
        started_at=101.25,
        healthy=True,
        message="läuft",
        reason="REASON_TASK_HEALTH_CHECK_STATUS_UPDATED",
        networks=(NetworkAddress("podnet", ("10.0.0.2",)), NetworkAddress(None, ())),
    )
    return Instance(
        id=name,
        pod_id=pod_id,
        version=VERSION,
        goal=Goal.RUNNING,
        incarnation=1,
        created_at=99.0,
        since=101.5,
        role="*",
        agent=Agent("agent-1", "host-1", region="r", zone=None, attributes=(("rack", "r1"),)),
        executor_id=f"{name}.1",
        tasks=(task,),
        host_ports=(("http", 31000),),
        config_version=VERSION,
        killing=True,
        reservation=Reservation(Agent("agent-1", "host-1"), (LocalVolume("data", "shop_web#data#u"),), True, 100.5),
        ended=Ended("2026-10-31T00:00:00.000Z", Agent("agent-1", "host-1"), (task,)),
    )


def pod(pod_id: str = "/shop/web") -> Pod:
    end = TaskEnd("t", Condition.FAILED, "exit 1")
    return Pod(pod_id, VERSION, VERSION, (Termination("i", 1.0, 2.0, "failed", (end,)),))


def storied() -> list[Record]:
    """A pod and an instance to which things happened."""
    happenings = (
        Happening(99.5, What.LAUNCHED, where="host-1", times=7, first=12.25),
        Happening(100.25, What.UNHEALTHY, "main", "503 [red]\u2028"),
        *(Happening(101.0 + each, What.RESTARTED, "main", "x" * 200) for each in range(48)),
    )
    changed = HistoryEntry(98.0, Deed.UPDATED, "ann", "10.0.0.9", VERSION, "d1", 99.0, "cancelled on request")
    ended = Happening(99.0, What.ENDED, "shop_web.instance-0", "main: exited with status 1")
    return [
        replace(pod(), history=(changed,), story=(ended,)),
        definition(),
        replace(instance(), story=happenings),
    ]


def deployment() -> Deployment:
    return Deployment(
        id="d1",
        version=VERSION,
        created_at=98.0,
        changes=(PodChange("/shop/web", (VERSION, VERSION), "v2"), PodChange("/shop/db", None, "v2")),
        steps=(((Action.START, "/shop/db"),), ((Action.RESTART, "/shop/web"), (Action.SCALE, "/shop/db"))),
        step=2,
        released=("/shop/db",),
        batch_size=3,
        deadline=100.5,
        reverts="d0",
    )


def abandoned() -> Abandoned:
    return Abandoned(
        "instance-shop_web.1", "shop_web.instance-1", "/shop/web", ("t1", "t2"), "agent-1", 97.5, 3.5, True
    )


def all_records() -> list[Record]:
    return [Framework("framework-1"), Clock(-3600.5), pod(), definition(), instance(), deployment(), abandoned()]
