"""ZooKeeper as a store sees it through its session, in memory."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kazoo.exceptions import BadVersionError, NodeExistsError, NoNodeError, NotEmptyError

from scheduler.store.base import StoreError
from scheduler.store.zookeeper.address import Address


@dataclass(frozen=True, slots=True)
class Node:
    """A node; what kazoo tells of its state has the names of kazoo."""

    data: bytes
    version: int = 0
    ephemeralOwner: int = 0  # noqa: N815


class FakeSession:
    """The interface of ``scheduler.store.zookeeper.session.Session``, over a tree of one's own.

    Attributes:
        nodes: by path.
        client: kazoo's, as the election uses it.
    """

    def __init__(self, path: str, nodes: Mapping[str, bytes], own: Iterable[str] = ()) -> None:
        """``own``: the ephemeral nodes of this session."""
        self.address = Address(("127.0.0.1:2181",), path)
        self.path = path
        self.acl = None
        self.patience, self.timeout = 1.0, 10.0
        self.is_closed, self.is_connected, self.id = False, True, 1
        self.nodes = {name: Node(data, 0, 1 if name in set(own) else 0) for name, data in nodes.items()}
        self.client = FakeClient(self.nodes)

    def contents(self) -> dict[str, bytes]:
        """The data of all nodes."""
        return {path: node.data for path, node in self.nodes.items()}

    def add(self, nodes: Mapping[str, bytes]) -> None:
        """Have these nodes as well, or instead."""
        self.nodes.update({path: Node(data) for path, data in nodes.items()})

    # ------------------------------------------------------------------------ as the session's

    def sync(self) -> None:
        """Everything is known."""

    def get(self, path: str) -> tuple[bytes, Any] | None:
        """The data and the state of a node."""
        node = self.nodes.get(path)
        return None if node is None else (node.data, node)

    def get_all(self, paths: Sequence[str]) -> list[bytes | None]:
        """The data of nodes."""
        return [None if (node := self.nodes.get(each)) is None else node.data for each in paths]

    def children(self, path: str) -> list[str]:
        """The names of a node's children."""
        return children_of(self.nodes, path)

    def make_parents(self, _deadline: float) -> None:
        """All exist."""

    def transact(self, build: Callable[[Any], None], _deadline: float) -> list[Exception]:
        """Carry out all operations, or none."""
        after = dict(self.nodes)
        try:
            build(_Request(after))
        except (BadVersionError, NodeExistsError, NoNodeError, NotEmptyError) as error:
            return [error]
        self.nodes.clear()
        self.nodes.update(after)
        return []

    def refused(self, doing: str, error: Exception) -> StoreError:
        """As the session says it."""
        return StoreError(f"cannot {doing} the store {self.address}: {error!r}")


class _Request:
    """The operations of a ``multi``, carried out on a copy of the tree."""

    def __init__(self, nodes: dict[str, Node]) -> None:
        self._nodes = nodes

    def check(self, path: str, version: int) -> None:
        if path not in self._nodes:
            raise NoNodeError
        if version not in (-1, self._nodes[path].version):
            raise BadVersionError

    def create(self, path: str, data: bytes, _acl: object = None, *, ephemeral: bool = False) -> None:
        if path in self._nodes:
            raise NodeExistsError
        self._nodes[path] = Node(data, 0, int(ephemeral))

    def set_data(self, path: str, data: bytes, version: int = -1) -> None:
        self.check(path, version)
        self._nodes[path] = Node(data, self._nodes[path].version + 1, self._nodes[path].ephemeralOwner)

    def delete(self, path: str, version: int = -1) -> None:
        self.check(path, version)
        if children_of(self._nodes, path):
            raise NotEmptyError
        del self._nodes[path]


class _Answer:
    """An answer that is there at once."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        self._answer = answer

    def get(self, timeout: float) -> Any:
        """It, or its exception."""
        return self._answer()


class FakeClient:
    """What the election asks of kazoo's client."""

    def __init__(self, nodes: dict[str, Node]) -> None:
        self._nodes = nodes

    def ensure_path_async(self, _path: str, _acl: object) -> _Answer:
        """It exists."""
        return _Answer(lambda: True)

    def get_children_async(self, path: str, watch: object = None) -> _Answer:
        """The names of a node's children."""
        return _Answer(lambda: children_of(self._nodes, path))

    def get_async(self, path: str) -> _Answer:
        """The data and the state of a node."""
        return _Answer(lambda: (self._node(path).data, self._node(path)))

    def exists_async(self, path: str) -> _Answer:
        """The state of a node; None if it does not exist."""
        return _Answer(lambda: self._nodes.get(path))

    def create_async(self, path: str, data: bytes, _acl: object, *, ephemeral: bool, sequence: bool) -> _Answer:
        """Make a node of this session, with the next number."""
        made = f"{path}{len(self._nodes) if sequence else 0:010}"
        self._nodes[made] = Node(data, 0, int(ephemeral))
        return _Answer(lambda: made)

    def _node(self, path: str) -> Node:
        if path not in self._nodes:
            raise NoNodeError
        return self._nodes[path]


def children_of(nodes: Mapping[str, Node], path: str) -> list[str]:
    """The names of a node's children."""
    below = path.rstrip("/") + "/"
    return [each.removeprefix(below) for each in nodes if each.startswith(below) and "/" not in each[len(below) :]]
