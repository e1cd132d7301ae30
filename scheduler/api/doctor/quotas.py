"""Whether the quota of the roles in use has room for the stored pods."""

from collections import Counter
from collections.abc import Iterator, Mapping

from scheduler.api.doctor.finding import MOST_NAMED, OK, WARNING, Finding
from scheduler.core.world import World
from scheduler.loop.roles import Roles, RoleState

_RAISE = "Raise the quota (UPDATE_QUOTA of the master's operator API), or scale pods of that role down."
_SMALLEST = 0.001  # Mesos counts in thousandths


def of_quotas(world: World, roles: Roles) -> Iterator[Finding]:
    """A finding for each limit that is too low or reached, and for roles that the master does not show."""
    used = world.roles()
    asked = _asked(world)
    problems: list[Finding] = []
    for name in _with_parents(used):
        if name in roles:
            problems += _of_role(name, roles[name], asked)
    yield from problems[:MOST_NAMED]
    if len(problems) > MOST_NAMED:
        yield Finding("quota", WARNING, f"{len(problems) - MOST_NAMED} more limits are too low or reached", _RAISE)
    hidden = [each for each in used if each not in roles]
    if hidden:
        message = f"the master does not show the roles {', '.join(hidden[:MOST_NAMED])}, so their quota is not known"
        advice = "If the master has ACLs, allow view_roles for the scheduler's principal."
        yield Finding("quota", WARNING, message, advice)
    elif not problems:
        shown = "; ".join(_shown(each, roles[each]) for each in used[:MOST_NAMED])
        yield Finding("quota", OK, shown + ("; …" if len(used) > MOST_NAMED else ""))


def _of_role(name: str, role: RoleState, asked: Mapping[str, Counter[str]]) -> Iterator[Finding]:
    """The quota of a role is that of all roles below it, too."""
    wanted: Counter[str] = Counter()
    for each, amounts in asked.items():
        if each == name or each.startswith(f"{name}/"):
            wanted.update(amounts)
    for resource, limit in role.limit.items():
        needed, consumed = wanted[resource] / 1000, role.consumed.get(resource, 0.0)
        if needed > limit:
            message = f"the quota of role {name} allows {limit:g} {resource}, but its pods ask for {needed:g}"
            yield Finding("quota", WARNING, message, _RAISE)
        elif needed and consumed > limit - _SMALLEST:
            message = f"role {name} has reached its quota of {limit:g} {resource}"
            yield Finding("quota", WARNING, message, f"No more instances of this role are launched. {_RAISE}")


def _asked(world: World) -> dict[str, Counter[str]]:
    """What the instances of all pods ask for, in thousandths, by role."""
    asked: dict[str, Counter[str]] = {}
    for pod in world.pods.values():
        definition = world.current(pod)
        of_role = asked.setdefault(definition.role or world.settings.role, Counter())
        for resource, amount in world.demand(definition).total:
            of_role[resource] += amount * definition.scaling.instances
    return asked


def _with_parents(used: tuple[str, ...]) -> list[str]:
    """The roles, and those above them."""
    parts = (each.split("/") for each in used)
    return list(dict.fromkeys("/".join(each[:length]) for each in parts for length in range(1, len(each) + 1)))


def _shown(name: str, role: RoleState) -> str:
    limits = ", ".join(f"{limit:g} {resource}" for resource, limit in role.limit.items())
    return f"{name}: weight {role.weight:g}, {f'quota {limits}' if limits else 'no quota'}"
