"""The type of decoded JSON whose shape is not checked here, such as Mesos' offers, resources and operations."""

from typing import Any

Json = dict[str, Any]
