"""The pod executor: runs every container of a pod as a nested container of its own, through the Mesos agent's API."""

__version__ = "0.1.0"
