"""The store in ZooKeeper, which several schedulers share: a ``ReplicatedStore`` (ADR 24).

    PATH/layout                      what this is, and in which form
    PATH/epoch                       who may write: each new writer sets it, and each commit checks its version
    PATH/writer                      ephemeral: whoever writes now; while it exists nobody else becomes the writer
    PATH/log/NNNNNNNNNN              the commits, numbered without gaps
    PATH/parts/ID-K                  the contents of commits that are too large for a single node
    PATH/snapshots/NNNNNNNNNN        all records after commit N: its data list the chunks, and are written last
    PATH/snapshots/NNNNNNNNNN/chunk-K

A commit is a single ``multi``: check the version of ``epoch``, check that the previous entry exists, create the next.

Usage with several schedulers:

    store = ZooKeeperStore(url)                # a follower; waits for the ensemble
    records, tail = store.load(), store.tail()
    entries = store.follow(patience=1.0)       # again and again
    entries = store.lead(patience=30.0)        # now the writer; apply these entries first
    store.commit(changes, events)              # DeposedError once another process took over
    store.lease()                              # no other process writes, nor becomes the writer, before this time

``store.session`` has the ZooKeeper session that all of this depends on, for an election beside the store's own nodes:
``session.client`` (kazoo), ``session.path`` and ``session.acl``. A node that is ephemeral in it goes when the writer's
own node goes.
"""

from scheduler.store.zookeeper.store import ZooKeeperStore

__all__ = ["ZooKeeperStore"]
