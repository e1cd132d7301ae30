"""Every API test starts with an empty world."""

import pytest

from tests.api.app import Api
from tests.fakes.loop import FakeLoop


@pytest.fixture
def loop() -> FakeLoop:
    """A loop over an empty world."""
    return FakeLoop()


@pytest.fixture
def api(loop: FakeLoop) -> Api:
    """The app over that loop."""
    return Api(loop)
