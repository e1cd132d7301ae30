"""The error of a build that cannot go on."""


class BuildError(Exception):
    """Something that the build needs is missing or failed; the text says what, and what to do."""
