"""Every API test starts with an empty world."""

import pytest

from tests.api.app import Api
from tests.fakes.loop import FakeLoop


@pytest.fixture
def shell() -> FakeLoop:
    """A shell over an empty world."""
    return FakeLoop()


@pytest.fixture
def api(shell: FakeLoop) -> Api:
    """The app over that shell."""
    return Api(shell)
