"""A fake master for a test; whatever the test does, the framework must not be torn down."""

from collections.abc import Iterator

import pytest

from tests.fakes.master import FakeMaster, masters


@pytest.fixture
def master() -> Iterator[FakeMaster]:
    with masters() as (one,):
        yield one
        types = [call.type for call in one.calls.all()]
        assert "TEARDOWN" not in types, "the framework was torn down"
