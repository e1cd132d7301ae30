"""ZooKeeper as the detector of the leading master sees it: kazoo's client, in memory."""

from collections.abc import Callable

from kazoo.exceptions import NoNodeError, OperationTimeoutError

Watch = Callable[[object], None]


class FakeZooKeeper:
    """The part of kazoo's client that is used: a tree of one path, one-shot watches, and a session that comes and
    goes.
    """

    def __init__(self) -> None:
        self.connected = False
        self.nodes: dict[str, bytes] | None = None
        self.arguments: dict[str, object] = {}
        self.failing = False
        self.listener: Watch = lambda _: None
        self._watches: list[Watch] = []

    def __call__(self, **arguments: object) -> "FakeZooKeeper":
        self.arguments = arguments
        return self

    def add_listener(self, listener: Watch) -> None:
        self.listener = listener

    def start_async(self) -> None:
        self.connect()

    def stop(self) -> None:
        self.connected = False

    def close(self) -> None:
        pass

    def get_children(self, path: str, watch: Watch) -> list[str]:
        if self.failing:
            raise OperationTimeoutError
        if self.nodes is None:
            raise NoNodeError
        self._watches.append(watch)
        return list(self.nodes)

    def get(self, path: str) -> tuple[bytes, object]:
        assert self.nodes is not None
        name = path.rpartition("/")[2]
        if name not in self.nodes:
            raise NoNodeError
        return self.nodes[name], None

    def exists(self, path: str, watch: Watch) -> None:
        self._watches.append(watch)

    # ----------------------------------------------------------------- for the tests

    def connect(self) -> None:
        self.connected = True
        self.listener("CONNECTED")

    def change(self, nodes: dict[str, bytes] | None) -> None:
        self.nodes = nodes
        self.fire()

    def fire(self) -> None:
        watches, self._watches = self._watches, []
        for watch in watches:
            watch("changed")
