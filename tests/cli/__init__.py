"""Tests of the ``podexec`` command."""
