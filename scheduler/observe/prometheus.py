"""The metrics in Prometheus' formats: Marathon's names, with ``_`` as the only separator.

Counters keep these names, so they have no type in formats in which counters must end in ``_total``.
"""

import re
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, HistogramMetricFamily, Metric, UnknownMetricFamily
from prometheus_client.registry import Collector

from scheduler.observe.metrics import Durations, Metrics

_OTHER = re.compile("[^a-zA-Z0-9_]")


class Exposition(Collector):
    """The metrics, including those of the process, in the format that a client accepts."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self, accept: str) -> tuple[bytes, str]:
        """The text and its media type."""
        encode, media_type = choose_encoder(accept)
        return encode(self._registry), media_type

    def collect(self) -> Iterable[Metric]:
        """The metrics for the registry."""
        for each in self._metrics.gauges():
            yield GaugeMetricFamily(_name(each.name), each.meaning, each.value)
        for each in self._metrics.counters():
            yield UnknownMetricFamily(_name(each.name), each.meaning, each.value)
        for durations in self._metrics.durations():
            yield HistogramMetricFamily(_name(durations.name), durations.meaning, _buckets(durations), durations.total)


def _buckets(durations: Durations) -> list[tuple[str, float]]:
    """By upper bound, how many durations did not exceed it."""
    found, below = [], 0
    for bound, count in zip((*durations.bounds, float("inf")), durations.counts, strict=True):
        below += count
        found.append(("+Inf" if bound == float("inf") else str(bound), float(below)))
    return found


def _name(name: str) -> str:
    return _OTHER.sub("_", name)
