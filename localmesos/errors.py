"""The one kind of error that users of a local cluster see."""


class ClusterError(Exception):
    """Something about a local cluster went wrong; the message says what, where and what to do."""
