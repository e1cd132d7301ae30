"""The names of the store's nodes, and how their data are sealed: format, checksum and compression. Pure."""

import struct
import zlib

from scheduler.store.zookeeper.address import Address

LAYOUT, EPOCH, WRITER, LOG, PARTS, SNAPSHOTS = "layout", "epoch", "writer", "log", "parts", "snapshots"
ELECTION = "election"  # of the schedulers, whose nodes are below the store's
FORMAT = 1  # of all nodes with data of the store; a change that older releases cannot read gets the next number
NODE_BYTES = 512 << 10  # of data in a node: ZooKeeper refuses requests of more than jute.maxbuffer, by default 1 MiB
MOST_BYTES = 256 << 20  # of the uncompressed contents of one entry or chunk
MOST_COMMIT_BYTES = 64 << 20  # of one commit, compressed
_DIGITS = 10
_SEAL = struct.Struct(">4sBI")
_MAGIC = b"pode"
_FASTEST = 1


class UnreadableNodeError(Exception):
    """A node's data cannot be read; says why."""


def number_name(number: int) -> str:
    """The name of a node that has a number; names sort as their numbers do."""
    return f"{number:0{_DIGITS}}"


def number_of(name: str) -> int | None:
    """The number in such a name; None for any other."""
    return int(name) if len(name) == _DIGITS and name.isascii() and name.isdigit() else None


def entry_path(address: Address, position: int) -> str:
    """The node of an entry of the log."""
    return f"{address.path}/{LOG}/{number_name(position)}"


def part_path(address: Address, position: int, claim: str, part: int) -> str:
    """The node of a part of an entry. ``claim``: unique, as a part may be left over from a commit that failed."""
    return f"{address.path}/{PARTS}/{number_name(position)}-{claim}-{part}"


def snapshot_path(address: Address, position: int) -> str:
    """The node of a snapshot."""
    return f"{address.path}/{SNAPSHOTS}/{number_name(position)}"


def chunk_path(address: Address, position: int, chunk: int) -> str:
    """The node of a chunk of a snapshot."""
    return f"{snapshot_path(address, position)}/chunk-{chunk}"


def seal(name: str, contents: bytes) -> bytes:
    """The data of the node with this name. The name is part of the checksum, so data at the wrong node are found."""
    packed = zlib.compress(contents, _FASTEST)
    return _SEAL.pack(_MAGIC, FORMAT, zlib.crc32(packed, zlib.crc32(name.encode()))) + packed


def unseal(name: str, data: bytes) -> bytes:
    """The inverse. Raises UnreadableNodeError."""
    if not data:
        raise UnreadableNodeError("it has no contents")
    if len(data) < _SEAL.size or not data.startswith(_MAGIC):
        raise UnreadableNodeError("its contents are not podexec's")
    _, form, checksum = _SEAL.unpack_from(data)
    if form > FORMAT:
        raise UnreadableNodeError(f"a newer podexec wrote it (format {form}, this one knows {FORMAT})")
    packed = memoryview(data)[_SEAL.size :]
    if zlib.crc32(packed, zlib.crc32(name.encode())) != checksum:
        raise UnreadableNodeError("its checksum is wrong")
    try:
        unpacking = zlib.decompressobj()
        contents = unpacking.decompress(packed, MOST_BYTES)
    except zlib.error as error:
        raise UnreadableNodeError(f"it cannot be decompressed: {error}") from error
    if not unpacking.eof:
        raise UnreadableNodeError(f"its contents are incomplete, or larger than {MOST_BYTES >> 20} MiB")
    return contents


def in_pieces(data: bytes) -> list[bytes]:
    """The data in pieces that fit into a node each."""
    return [data[at : at + NODE_BYTES] for at in range(0, len(data), NODE_BYTES)]
