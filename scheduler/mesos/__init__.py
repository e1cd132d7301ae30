"""The edge to Mesos, on pymesos: the master's events become the core's events, the core's effects become calls."""
