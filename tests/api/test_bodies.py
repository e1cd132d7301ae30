"""Bodies of requests: they must arrive in time."""

import asyncio
from typing import Any

import pytest
from starlette.requests import Request

from scheduler.api import requests
from scheduler.api.errors import ApiError
from scheduler.api.requests import json_body


def test_a_body_that_trickles_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often a byte of it arrives."""
    monkeypatch.setattr(requests, "_LONGEST_UPLOAD", 0.2)
    pieces = 0

    async def receive() -> Any:
        nonlocal pieces
        pieces += 1
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b" ", "more_body": True}

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")]}
    with pytest.raises(ApiError) as error:
        asyncio.run(json_body(Request(scope, receive), "a pod"))
    assert error.value.status == 408
    assert pieces > 1
