"""The rules that join fields of a definition to each other and to the cluster it is for. Every rule tells all it finds.

A rule is a function from a definition and a site to problems; ``broken`` asks them all.
Ports count as posted, before defaults.
"""

from scheduler.model.definition import PodDefinition
from scheduler.model.problems import Problem
from scheduler.model.rules import (
    artifacts,
    containers,
    identity,
    networks,
    own,
    paths,
    placement,
    resident,
    running,
    secrets,
    sizes,
    texts,
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
    *own.RULES,
    *volumes.RULES,
    *paths.RULES,
    *artifacts.RULES,
    *networks.RULES,
    *secrets.RULES,
    *placement.RULES,
    *resident.RULES,
    *texts.RULES,
    *sizes.RULES,
)


def broken(definition: PodDefinition, site: Site) -> tuple[Problem, ...]:
    """All that is wrong with a definition whose every field is well formed."""
    return tuple(problem for rule in _RULES for problem in rule(definition, site))
