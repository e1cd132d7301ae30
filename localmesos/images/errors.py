"""The error of this room."""

from __future__ import annotations

from localmesos.errors import ClusterError


class ImageError(ClusterError):
    """An image cannot be added, found or pulled; the message says why and what to do."""
