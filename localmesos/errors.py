"""The exception that users of a local cluster see."""


class ClusterError(Exception):
    """An operation on a local cluster failed; the message says what is wrong, where, and what to do."""
