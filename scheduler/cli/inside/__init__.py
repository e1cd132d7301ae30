"""``podexec pod logs``, ``exec``, ``top``, ``cp`` and ``files``: looking inside containers."""
