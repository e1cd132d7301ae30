"""The edge to Mesos, based on pymesos: turns the master's events into the core's, and the core's effects into calls."""
