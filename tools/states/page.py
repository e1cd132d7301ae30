"""The page as a whole."""

from tools.states import deployments, executor, instances

_HEAD = """\
# States

All states, and the transitions between them. The tables and diagrams are generated from the code
(`python -m tools.states > docs/states.md`); [scheduler.md](scheduler.md) and [executor.md](executor.md) have the
reasons."""


def page() -> str:
    """docs/states.md."""
    return "\n\n".join([_HEAD, *instances.page(), *deployments.page(), *executor.page()]) + "\n"
