"""Clients that were written for Marathon, against this scheduler on real Mesos."""
