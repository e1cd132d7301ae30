"""References of Docker images, ``[REGISTRY/]REPOSITORY[:TAG][@DIGEST]``, and patterns of them.

The grammar is that of the distribution project. The first part is a registry if it has a dot or a port, or is
``localhost``; otherwise the registry is ``docker.io``, where names of one part are below ``library``.
"""

import re
from functools import lru_cache

from scheduler.model.frozen import Frozen

DEFAULT_REGISTRY = "docker.io"
_ALIASES = ("index.docker.io", "registry-1.docker.io")
_LIBRARY = "library/"
_BELOW = "/**"
_REMEMBERED = 1000
_LATEST = "latest"
_EXAMPLE = "/x/x"  # of two parts, as one alone may be in the library

_HOST = r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]+)?"
_PART = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?P<registry>{_HOST})/(?P<repository>{_PART}(/{_PART})*)"
    r"(:(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(@(?P<digest>[a-z0-9+._-]+:[0-9a-f]{32,128}))?"
)


class ImageName(Frozen):
    """A reference with its defaults. ``tag``: None if there is only a digest, or in patterns of a repository."""

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None


class ImagePattern(Frozen):
    """A pattern of images. ``below``: everything below ``name`` matches, whose repository may be empty."""

    name: ImageName
    below: bool

    def matches(self, image: ImageName) -> bool:
        """Whether it names this image. A tag does not name an image with a digest, as then nobody looks at the tag."""
        mine = self.name
        if mine.registry != image.registry:
            return False
        if self.below:
            return not mine.repository or image.repository.startswith(mine.repository + "/")
        if mine.repository != image.repository:
            return False
        if mine.digest is not None:
            return mine.digest == image.digest
        return mine.tag is None or (image.digest is None and mine.tag == image.tag)


def image_name(reference: str) -> ImageName | None:
    """The parts of a reference; None: it is not valid."""
    name = _parts(reference)
    if name is None or name.tag is not None or name.digest is not None:
        return name
    return ImageName(name.registry, name.repository, _LATEST)


@lru_cache(_REMEMBERED)
def image_pattern(text: str) -> ImagePattern:
    """Read a pattern: a reference, or the beginning of references and ``/**``. Raises ValueError."""
    if not text.endswith(_BELOW):
        name = _parts(text)
        if name is None:
            raise ValueError(f"{text!r} is not the name of an image, optionally followed by /**")
        return ImagePattern(name, below=False)
    beginning = text.removesuffix(_BELOW)
    name = _parts(beginning + _EXAMPLE)
    if name is None:
        raise ValueError(f"{text!r} must be a registry or the beginning of a repository, followed by /**")
    repository = f"/{name.repository}".removesuffix(_EXAMPLE)
    return ImagePattern(ImageName(name.registry, repository.removeprefix("/")), below=True)


def _parts(reference: str) -> ImageName | None:
    first, _, rest = reference.partition("/")
    has_registry = bool(rest) and ("." in first or ":" in first or first == "localhost")
    found = _REFERENCE.fullmatch(reference if has_registry else f"{DEFAULT_REGISTRY}/{reference}")
    if found is None:
        return None
    registry, repository = found["registry"].lower(), found["repository"]
    if registry in _ALIASES:
        registry = DEFAULT_REGISTRY
    if registry == DEFAULT_REGISTRY and "/" not in repository:
        repository = _LIBRARY + repository
    return ImageName(registry, repository, found["tag"], found["digest"])
