"""What an update may do whatever the rules say of the definition: ask for less of what there is."""

from scheduler.model.definition import PodDefinition


def only_scales_down(before: PodDefinition, after: PodDefinition) -> bool:
    """Whether an update asks for fewer instances and changes nothing else; both are normalised.

    A definition may be older than a rule, or than the site it is for: still its instances can be ended.
    """
    same = after.model_copy(update={"version": before.version, "scaling": before.scaling}) == before
    return same and after.scaling.instances < before.scaling.instances
