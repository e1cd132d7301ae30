"""Every API test starts with an empty world."""

import pytest

from scheduler.api import plans
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


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans do not wait for offers, which the fake loop does not make by itself."""
    monkeypatch.setattr(plans, "PATIENCE", 0.04)
