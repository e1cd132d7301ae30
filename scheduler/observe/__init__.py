"""What operators see of the running scheduler."""
