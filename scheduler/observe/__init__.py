"""Log and metrics: the operators' view of the running scheduler."""
