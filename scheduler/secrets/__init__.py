"""Where the values of secrets come from.

Owns the sources: each knows values by the ``source`` a definition gives its secret. Values go to whoever sends a
launch, and nowhere else: nothing here keeps, logs or stores one, and no error tells one.
"""

from scheduler.secrets.sources import open_source

__all__ = ["open_source"]
