"""Marathon's ``--enable-features``: the names there are, and which of them change anything here."""

_WITH_EFFECT = frozenset({"secrets", "gpu_resources"})
# For the sake of existing command lines. That tasks tell of their killing is always on.
_WITHOUT_EFFECT = frozenset({"task_killing", "vips", "external_volumes", "maintenance_mode"})


def parse_features(text: str) -> frozenset[str]:
    """The names of a list separated by commas. Raises ValueError."""
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    known = _WITH_EFFECT | _WITHOUT_EFFECT
    unknown = sorted(names - known)
    if unknown:
        raise ValueError(f"there is no feature {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    return names


def without_effect(features: frozenset[str]) -> list[str]:
    """Those that change nothing here."""
    return sorted(features & _WITHOUT_EFFECT)
