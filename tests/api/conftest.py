"""Every API test starts with an empty world."""

import pytest

from tests.api.app import Api
from tests.fakes.loop import FakeLoop


@pytest.fixture
def shell() -> FakeLoop:
    """A loop over an empty world."""
    return FakeLoop()


@pytest.fixture
def api(shell: FakeLoop) -> Api:
    """The app over that loop."""
    return Api(shell)
