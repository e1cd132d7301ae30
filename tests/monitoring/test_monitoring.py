"""The alerts and the dashboard in monitoring/: valid, and about metrics that the scheduler has."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from scheduler.observe.prometheus import Exposition
from tests.fakes.loop import FakeLoop
from tests.monitoring.promtool import check

MONITORING = Path(__file__).parents[2] / "monitoring"
RULES = MONITORING / "podexec.rules.yaml"
TESTS = MONITORING / "podexec.rules.test.yaml"
DASHBOARD = json.loads((MONITORING / "grafana-dashboard.json").read_text())
_METRIC = re.compile(r"\b(?:podexec|marathon|process)_[a-z_]+")


def series() -> set[str]:
    """The names of all series that a scheduler has."""
    metrics = FakeLoop().metrics
    metrics.watch("podexec.loop.inbox.gauge", "as scheduler/cli/serve.py does", lambda: 0.0)
    text, _ = Exposition(metrics).text("text/plain")
    return {sample.name for family in text_string_to_metric_families(text.decode()) for sample in family.samples}


def alerts() -> dict[str, str]:
    """The expressions of the alerts."""
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return {each["alert"]: each["expr"] for each in group["rules"]}


def queries() -> Iterator[tuple[str, str]]:
    """The dashboard's queries, with the titles of their panels."""
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def test_prometheus_accepts_the_alerts() -> None:
    check("check", "rules", RULES)


def test_each_alert_fires_when_it_should_and_not_for_a_healthy_scheduler(tmp_path: Path) -> None:
    for file in (RULES, TESTS):  # promtool takes the path of the rules for a pattern
        shutil.copy(file, tmp_path)
    check("test", "rules", tmp_path / TESTS.name)
    tested: dict[str, list[Any]] = {}
    for case in yaml.safe_load(TESTS.read_text())["tests"]:
        for each in case["alert_rule_test"]:
            tested.setdefault(each["alertname"], []).append(each.get("exp_alerts"))
    for alert in alerts():
        assert None in tested[alert], f"{alert} is not shown to be silent"
        assert any(tested[alert]), f"{alert} is not shown to fire"


def test_prometheus_accepts_the_queries_of_the_dashboard(tmp_path: Path) -> None:
    rules = [
        {"record": f"query:{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, (_, query) in enumerate(queries())
    ]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    check("check", "rules", file)


@pytest.mark.parametrize(("title", "query"), [*alerts().items(), *queries()])
def test_a_scheduler_has_the_metrics(title: str, query: str) -> None:
    named = set(_METRIC.findall(query))
    assert named or "up{" in query, title
    assert named <= series()


def test_panels_do_not_overlap() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert x < 24, panel["title"]
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
