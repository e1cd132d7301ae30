"""Every API test starts with an empty world."""

import pytest

from tests.api.fakes import Api, FakeShell


@pytest.fixture
def shell() -> FakeShell:
    """A shell over an empty world."""
    return FakeShell()


@pytest.fixture
def api(shell: FakeShell) -> Api:
    """The app over that shell."""
    return Api(shell)
