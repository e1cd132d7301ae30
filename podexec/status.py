"""Converts a report of the machine into Mesos' TaskStatus. Pure."""

from __future__ import annotations

from typing import Any, Final

from podexec.events import CheckStatus, Report
from podexec.wire import StatusLabels

Json = dict[str, Any]

_CHECK_FIELDS: Final = {
    "HTTP": ("http", "status_code"),
    "TCP": ("tcp", "succeeded"),
    "COMMAND": ("command", "exit_code"),
}


def task_status(report: Report, container_id: Json | None, labelled: bool) -> Json:
    """The status, without the fields that the driver adds. ``labelled``: whether podexec's scheduler will read it."""
    optional = {
        "reason": report.reason,
        "message": report.message,
        "healthy": report.healthy,
        "limitation": report.limitation,
        "check_status": _check_status(report.check) if report.check else None,
        "container_status": {"container_id": container_id} if container_id else None,
        "labels": StatusLabels(report.ready, report.restarts, report.findings).encode() if labelled else None,
    }
    status: Json = {"task_id": {"value": report.task_id}, "state": report.state}
    return status | {field: value for field, value in optional.items() if value is not None}


def _check_status(status: CheckStatus) -> Json:
    """CheckStatusInfo; its inner message is present but empty while there is no result."""
    message, field = _CHECK_FIELDS[status.kind]
    return {"type": status.kind, message: {} if status.value is None else {field: status.value}}
