"""The rules: checks that involve several fields of a definition, or the cluster it is for.

A rule is a function from a definition and a site to all problems it finds; ``broken`` runs all rules. Ports are checked
as posted, before defaults.
"""

from scheduler.model.definition import PodDefinition
from scheduler.model.problems import Problem
from scheduler.model.rules import (
    artifacts,
    containers,
    identity,
    networks,
    nul,
    own_executor,
    paths,
    placement,
    resident,
    running,
    secrets,
    sizes,
    volumes,
)
from scheduler.model.rules.resident import broken_update
from scheduler.model.rules.site import Site
from scheduler.model.rules.updates import only_scales_down

__all__ = ["Site", "broken", "broken_update", "only_scales_down"]

_RULES = (
    *identity.RULES,
    *containers.RULES,
    *running.RULES,
    *own_executor.RULES,
    *volumes.RULES,
    *paths.RULES,
    *artifacts.RULES,
    *networks.RULES,
    *secrets.RULES,
    *placement.RULES,
    *resident.RULES,
    *nul.RULES,
    *sizes.RULES,
)


def broken(definition: PodDefinition, site: Site) -> tuple[Problem, ...]:
    """All problems of a definition whose fields are well formed."""
    return tuple(problem for rule in _RULES for problem in rule(definition, site))
