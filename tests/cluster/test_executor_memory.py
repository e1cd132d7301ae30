"""The executor stays within its memory limit."""

from bench.executor_memory import MEGABYTE, ChargeMeter, executor_containers
from tests.cluster.support import Scheduler, both_executors, container


@both_executors
def test_five_containers_cost_their_executor_less_than_32_megabytes(scheduler: Scheduler) -> None:
    """Peak of its own memory cgroup including start-up, with enforced limits and two health checks."""
    check = {
        "exec": {"command": {"shell": "true"}},
        "delaySeconds": 0,
        "intervalSeconds": 2,
        "timeoutSeconds": 1,
        "gracePeriodSeconds": 60,
    }
    containers = [container(f"c{number}", "exec sleep 100") for number in range(3)]
    containers += [container(f"checked{number}", "exec sleep 100", healthCheck=check) for number in range(2)]
    with ChargeMeter(scheduler.cluster) as meter:
        scheduler.run({"id": "/five", "containers": containers})
    (container_id,) = executor_containers(scheduler.cluster, "/five")
    charge = meter.charges()[container_id]
    assert charge.samples > 10
    assert 0 < charge.peak < 32 * MEGABYTE
    assert charge.limit == (32 + 5 * 32) * MEGABYTE
