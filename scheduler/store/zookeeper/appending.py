"""Appends a commit to the log: with one ``multi``, which is repeated after a lost connection, and done at most once."""

import time
from collections.abc import Callable, Sequence

from kazoo.client import TransactionRequest
from kazoo.exceptions import NodeExistsError, NoNodeError

from scheduler.loop.clock import steady
from scheduler.store.base import StoreError
from scheduler.store.replicated import DeposedError
from scheduler.store.zookeeper.entries import Commit, Parts, pack
from scheduler.store.zookeeper.fence import Fence, took_over
from scheduler.store.zookeeper.nodes import MOST_COMMIT_BYTES, NODE_BYTES, entry_path, in_pieces, part_path
from scheduler.store.zookeeper.reading import damaged, entry_name, read_commit
from scheduler.store.zookeeper.session import Session, UncertainError

_Write = Callable[[TransactionRequest], None]


def append(session: Session, fence: Fence, made: Commit, check: Callable[[], None]) -> tuple[float, int]:
    """Append a commit. Returns when the request was sent that was carried out (``steady``), and the entry's size.

    ``check``: called after each lost connection; raises if nothing is to be tried again. Raises StoreError.
    """
    return _Append(session, fence, made, check).run()


class _Append:
    def __init__(self, session: Session, fence: Fence, made: Commit, check: Callable[[], None]) -> None:
        self._session = session
        self._fence = fence
        self._made = made
        self._check = check
        self._deadline = time.monotonic() + session.patience

    def run(self) -> tuple[float, int]:
        at, position = self._session.address, self._made.position
        data = pack(entry_name(position), self._made)
        size = len(data)
        if size > MOST_COMMIT_BYTES:
            raise StoreError(
                f"cannot write the store {at}: a commit of {size >> 20} MiB is too large; at most "
                f"{MOST_COMMIT_BYTES >> 20} MiB can be stored at once. Nothing of this was stored"
            )
        if size > NODE_BYTES:
            data = self._write_parts(data)

        def build(request: TransactionRequest) -> None:
            self._fence.check(request)
            request.check(entry_path(at, position - 1), -1)
            request.create(entry_path(at, position), data, self._session.acl)

        errors, sent = self._carry_out(build)
        if errors and not self._is_stored(errors):
            raise self._refusal(errors)
        return sent, size

    def _write_parts(self, data: bytes) -> bytes:
        """Write the parts of a large commit. Returns the contents of its entry, which makes them valid."""
        claim, pieces = self._made.claim.hex(), in_pieces(data)
        for number, piece in enumerate(pieces):
            path = part_path(self._session.address, self._made.position, claim, number)

            def build(request: TransactionRequest, path: str = path, piece: bytes = piece) -> None:
                self._fence.check(request)
                request.create(path, piece, self._session.acl)

            errors, _ = self._carry_out(build)
            if errors and not isinstance(errors[0], NodeExistsError):
                raise self._refusal(errors)
        return pack(entry_name(self._made.position), Parts(claim, len(pieces)))

    def _carry_out(self, build: _Write) -> tuple[list[Exception], float]:
        """The outcome of a ``multi``, repeated until it is answered, and when it was sent."""
        while True:
            sent = steady()
            try:
                return self._session.transact(build, self._deadline), sent
            except UncertainError as error:
                self._session.wait_connected(self._deadline, error)
                self._check()

    def _is_stored(self, errors: Sequence[Exception]) -> bool:
        """Whether an earlier attempt, whose answer was lost, has stored it."""
        if not isinstance(errors[0], NodeExistsError):
            return False
        self._session.sync()
        position = self._made.position
        found = self._session.get(entry_path(self._session.address, position))
        return found is not None and read_commit(self._session, position, found[0])[0].claim == self._made.claim

    def _refusal(self, errors: list[Exception]) -> StoreError:
        """The error for a write that was refused."""
        if self._fence.is_crossed(errors):
            return took_over(self._session)
        if isinstance(errors[0], NoNodeError):
            lost = "it was stored and has been lost since, perhaps with others. Nothing of this commit was stored"
            return damaged(self._session, entry_name(self._made.position - 1), lost)
        return DeposedError(
            f"cannot write the store {self._session.address}: its log has entries of another scheduler. Nothing of "
            "this was stored"
        )
