"""Checksums of stored rows: whether anything has changed them since they were written.

A CRC-32, which costs a tenth of what a cryptographic digest does: it is to find damage, not forgery.
"""

import hashlib
import zlib

from scheduler.store.codec import Row


def row_checksum(row_id: int, row: Row) -> int:
    """The checksum of a record's row."""
    return zlib.crc32(row.data, zlib.crc32(f"{row_id} {row.version} {row.kind} {row.key}".encode()))


def events_checksum(first: int, lines: bytes) -> int:
    """The checksum of a row of events, of which the first has this number."""
    return zlib.crc32(lines, zlib.crc32(str(first).encode()))


def layout_3_checksum(*parts: object) -> bytes:
    """What layout 3 has instead: eight bytes for the values of a row, strings, numbers and bytes."""
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(data).to_bytes(8))
        digest.update(data)
    return digest.digest()
