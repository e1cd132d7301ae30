"""The framework: turns pod definitions into Mesos task groups and keeps them running."""
