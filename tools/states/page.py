"""The page as a whole."""

from tools.states import deployments, executor, instances

_HEAD = """\
# States

Every state there is, and what leads from one to the next. The tables and diagrams are made from the code
(`python -m tools.states > docs/states.md`); [scheduler.md](scheduler.md) and [executor.md](executor.md) tell why."""


def page() -> str:
    """docs/states.md."""
    return "\n\n".join([_HEAD, *instances.page(), *deployments.page(), *executor.page()]) + "\n"
