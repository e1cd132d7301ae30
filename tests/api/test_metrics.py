"""``/metrics`` in its formats."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from scheduler.core.events import PodPosted
from tests.api.app import Api
from tests.api.test_openapi import problems
from tests.core.support import definition
from tests.fakes.loop import FakeLoop

SCRAPER = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"


def test_marathons_json_is_what_everyone_gets(api: Api, loop: FakeLoop) -> None:
    loop.happens(PodPosted(1, definition()))
    loop.run_all()
    answer = api("GET", "/metrics")
    assert answer.headers["Content-Type"] == "application/json"
    assert problems(answer.json(), "Metrics") == []
    assert answer.json()["version"] == "4.0.0"
    assert answer.json()["gauges"]["marathon.pods.active.gauge"] == {"value": 1}
    assert answer.json()["counters"]["marathon.deployments.counter"] == {"count": 1}
    timer = answer.json()["timers"]["podexec.loop.turn.timer.seconds"]
    assert (timer["count"] > 1, timer["p99"]) == (True, 0.001)


@pytest.mark.parametrize(
    ("path", "accept", "media_type"),
    [
        ("/metrics", "text/plain", "text/plain; version="),
        ("/metrics", SCRAPER, "application/openmetrics-text; version=1.0.0"),
        ("/metrics/prometheus", "*/*", "text/plain; version="),
        ("/metrics/prometheus/", "application/json", "text/plain; version="),
    ],
)
def test_prometheus_reads_them_too(api: Api, loop: FakeLoop, path: str, accept: str, media_type: str) -> None:
    loop.happens(PodPosted(1, definition()))
    loop.run_all()
    answer = api("GET", path, headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith(media_type)
    families = {family.name: family for family in text_string_to_metric_families(answer.text.removesuffix("# EOF\n"))}
    assert families["marathon_pods_active_gauge"].samples[0].value == 1
    assert families["marathon_deployments_counter"].samples[0].value == 1
    assert families["marathon_mesos_task_updates_task_running_counter"].samples[0].value == 1
    turns = {sample.name: sample.value for sample in families["podexec_loop_turn_timer_seconds"].samples}
    assert turns["podexec_loop_turn_timer_seconds_count"] > 1
    assert turns["podexec_loop_turn_timer_seconds_bucket"] == turns["podexec_loop_turn_timer_seconds_count"]
    assert families["process_resident_memory_bytes"].samples[0].value > 0
