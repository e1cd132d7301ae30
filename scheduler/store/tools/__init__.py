"""Tools for whole stores, whatever kind they are: backups, moves, checks, compaction, and saving what is readable."""

from scheduler.store.tools.backup import BackupError, read_backup, write_backup
from scheduler.store.tools.contents import Contents
from scheduler.store.tools.maintenance import compact, fill
from scheduler.store.tools.reading import read, salvage

__all__ = ["BackupError", "Contents", "compact", "fill", "read", "read_backup", "salvage", "write_backup"]
