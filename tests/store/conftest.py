"""Places for durable stores of every kind."""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.conftest import run
from tests.store.places import Place, SqlitePlace, ZooKeeperPlace
from tests.zookeeper import Ensemble

__all__ = ["place", "run", "url"]


@pytest.fixture
def url(zookeeper: Ensemble) -> str:
    """The URL of a store that does not exist yet."""
    return zookeeper.url(f"/tests/{uuid4().hex}")


@pytest.fixture(params=["sqlite", "zookeeper"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place for a store of either durable kind."""
    if request.param == "sqlite":
        return SqlitePlace(tmp_path / "store.db")
    return ZooKeeperPlace(request.getfixturevalue("url"))
