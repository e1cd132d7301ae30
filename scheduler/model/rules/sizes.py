"""Rules for values that are too large for Linux and Mesos, each by itself.

Their total depends on what the scheduler adds; the core checks it.
"""

from collections.abc import Iterator

from scheduler.model.definition import Environment, PodDefinition
from scheduler.model.problems import Problem
from scheduler.model.rules.site import Site, commands, located
from scheduler.model.sizes import excess, of_command, of_text, of_variables

_LARGEST_AMOUNT = 1e12


def _commands(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    for at, command in commands(definition):
        if command.shell is not None:
            yield from _problem(f"{at}/shell", of_text(command.shell))
            continue
        argv = command.argv or ()
        sizes = [of_text(each) for each in argv]
        for index, size in enumerate(sizes):
            yield from _problem(f"{at}/argv({index})", size)
        if all(excess(size) is None for size in sizes):
            yield from _problem(f"{at}/argv", of_command({"arguments": argv}))


def _environments(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    yield from _environment("", definition.environment)
    for index, container in enumerate(definition.containers):
        yield from _environment(f"/containers({index})", container.environment)


def _environment(at: str, environment: Environment) -> Iterator[Problem]:
    values = {name: value for name, value in environment.items() if isinstance(value, str)}
    sizes = {name: of_variables([(name, value)]) for name, value in values.items()}
    for name, size in sizes.items():
        yield from _problem(f"{at}/environment/{name}", size)
    if all(excess(size) is None for size in sizes.values()):
        yield from _problem(f"{at}/environment", sum(sizes.values()))


def _problem(path: str, size: int) -> Iterator[Problem]:
    fault = excess(size)
    if fault is not None:
        yield Problem(path, fault)


def _amounts(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    """Resources: Mesos counts them in thousandths, as 64-bit integers."""
    parts: list[tuple[str, object]] = [("/executorResources", definition.executor_resources)]
    for at, container in located(definition):
        parts += [(f"{at}/resources", container.resources), (f"{at}/resourceLimits", container.resource_limits)]
    for at, part in parts:
        for key in ("cpus", "mem", "disk"):
            amount = getattr(part, key, None)
            if isinstance(amount, float) and amount > _LARGEST_AMOUNT:
                yield Problem(f"{at}/{key}", f"must be at most {_LARGEST_AMOUNT:g}: no agent has that much")


RULES = (_commands, _environments, _amounts)
