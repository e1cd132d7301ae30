"""``podexec pod logs``, ``exec``, ``top``, ``cp`` and ``files``: what goes on inside containers."""
