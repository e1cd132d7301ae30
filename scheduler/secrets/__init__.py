"""Sources of the values of secrets.

A source looks a value up by the ``source`` in a definition's secret. Values go to the sender of a launch and nowhere
else: nothing here keeps, logs or stores one, and no error message contains one.
"""

from scheduler.secrets.sources import open_source

__all__ = ["open_source"]
