"""Recognises updates that are accepted even if the definition breaks rules: those that only scale down."""

from scheduler.model.definition import PodDefinition


def only_scales_down(before: PodDefinition, after: PodDefinition) -> bool:
    """Whether an update reduces the number of instances and changes nothing else. Both are normalised.

    A definition may be older than a rule or a setting of its site; it must still be possible to end its instances.
    """
    same = after.model_copy(update={"version": before.version, "scaling": before.scaling}) == before
    return same and after.scaling.instances < before.scaling.instances
