"""``/metrics``: the scheduler's metrics, as JSON like Marathon's or in Prometheus' format."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.api.errors import json_response
from scheduler.api.needs import any_caller
from scheduler.api.routes import routes
from scheduler.model.json import Json
from scheduler.observe.metrics import Durations, Metrics
from scheduler.observe.prometheus import Exposition

_FORMAT = "4.0.0"  # version of Dropwizard's JSON
_QUANTILES = {"p50": 0.5, "p75": 0.75, "p95": 0.95, "p98": 0.98, "p99": 0.99, "p999": 0.999}


def metrics_routes(metrics: Metrics) -> list[Route]:
    """The routes."""
    exposition = Exposition(metrics)

    async def show(request: Request) -> Response:
        accept = request.headers.get("accept", "").lower()
        if "text/plain" in accept or "openmetrics" in accept:
            return await prometheus(request)
        return json_response(_json(metrics))

    async def prometheus(request: Request) -> Response:
        text, media_type = exposition.text(request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": media_type})

    return [
        *routes("/metrics", show, needs=any_caller),
        *routes("/metrics/prometheus", prometheus, needs=any_caller),
    ]


def _json(metrics: Metrics) -> Json:
    return {
        "version": _FORMAT,
        "gauges": {each.name: {"value": each.value} for each in metrics.gauges()},
        "counters": {each.name: {"count": each.value} for each in metrics.counters()},
        "histograms": {},
        "meters": {},
        "timers": {each.name: _timer(each) for each in metrics.durations()},
    }


def _timer(durations: Durations) -> Json:
    return {
        "count": durations.count,
        "mean": durations.total / durations.count if durations.count else 0.0,
        "max": durations.longest,
        **{name: durations.quantile(share) for name, share in _QUANTILES.items()},
        "duration_units": "seconds",
    }
