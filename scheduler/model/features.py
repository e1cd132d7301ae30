"""Marathon's ``--enable-features``: the names that exist, and which of them have an effect here."""

_WITH_EFFECT = frozenset({"secrets", "gpu_resources"})
# Accepted for the sake of existing command lines. TASK_KILLING is always reported.
_WITHOUT_EFFECT = frozenset({"task_killing", "vips", "external_volumes", "maintenance_mode"})


def parse_features(text: str) -> frozenset[str]:
    """The names in a comma-separated list. Raises ValueError for an unknown one."""
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    known = _WITH_EFFECT | _WITHOUT_EFFECT
    unknown = sorted(names - known)
    if unknown:
        raise ValueError(f"there is no feature {', '.join(unknown)}; the known ones are {', '.join(sorted(known))}")
    return names


def without_effect(features: frozenset[str]) -> list[str]:
    """Those of ``features`` that change nothing here."""
    return sorted(features & _WITHOUT_EFFECT)
