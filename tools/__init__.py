"""Tools of the project, run from its root; part of no package that is installed."""
