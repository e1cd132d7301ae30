"""Tests of the HTTP API on a fake loop."""
