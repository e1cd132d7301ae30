"""The one name for decoded JSON whose shape is Mesos' business: offers, resources, operations."""

from typing import Any

Json = dict[str, Any]
