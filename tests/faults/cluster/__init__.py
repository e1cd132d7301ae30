"""The fault bench: a whole cluster in a room of its own, a nemesis that disturbs it, users, and checkers.

`make faults` runs it (``__main__``); docs/reliability.md says what it shows. ``plan`` decides what happens, ``bench``
makes it happen, ``history`` keeps what was done and seen, and ``checkers`` judge that alone.
"""
