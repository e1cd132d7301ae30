"""Throttles the guessing of passwords and tokens, by the address that it comes from.

An address may fail a few times in a row. Then it must wait, each time twice as long, and its requests are refused
without a look at what they carry. Other addresses are not affected. An address whose credentials are right, once it
may try, starts anew; so does one that has not failed for a while.
"""

import ipaddress
import math
from dataclasses import dataclass

import structlog
from starlette.responses import Response

from scheduler.api.errors import json_response
from scheduler.observe.seldom import Seldom

_FREE = 10  # failures in a row after which an address must wait
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds
_FORGOTTEN = 600.0  # seconds after its last failure
_MOST_ADDRESSES = 10_000
_log = structlog.get_logger("scheduler.audit")


@dataclass(slots=True)
class _Record:
    failures: int = 0
    failed_at: float = 0.0
    again_at: float = 0.0


def too_many_failures(wait: float) -> Response:
    """The answer to a request whose address must wait this many seconds."""
    seconds = math.ceil(wait)
    message = f"Too many requests from this address had wrong credentials; try again in {seconds} s"
    return json_response({"message": message}, 429, {"Retry-After": str(seconds)})


class Throttle:
    """Counts failures. Times are seconds on any clock that does not go back."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}  # by source; the one that failed longest ago first
        self._lines = Seldom()

    def may_try(self, address: str, now: float) -> float:
        """The seconds that an address must wait before its credentials are looked at; 0: it may try now."""
        record = self._records.get(_source(address)) if self._records else None
        return 0.0 if record is None else max(0.0, record.again_at - now)

    def failed(self, address: str, now: float) -> None:
        """An address has sent wrong credentials."""
        source = _source(address)
        record = self._records.pop(source, None)
        if record is None or now - record.failed_at > _FORGOTTEN:
            record = _Record()
        record.failures += 1
        record.failed_at = now
        if record.failures >= _FREE:
            # The exponent is bounded, or the power would be too large for a number.
            pause = _FIRST_PAUSE * 2.0 ** min(record.failures - _FREE, 16)
            record.again_at = now + min(pause, _LONGEST_PAUSE)
        self._records[source] = record
        if len(self._records) > _MOST_ADDRESSES:
            del self._records[next(iter(self._records))]
        if count := self._lines.count(now):
            _log.warning("wrong credentials", client_ip=address, failures=record.failures, of_all=count)

    def passed(self, address: str) -> None:
        """An address has sent valid credentials."""
        if self._records:
            self._records.pop(_source(address), None)


def _source(address: str) -> str:
    """The address or, as whoever has one IPv6 address has billions, the /64 network of it."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
