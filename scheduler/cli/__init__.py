"""The ``podexec`` command, one module for each noun. Commands import large packages only when they run."""
