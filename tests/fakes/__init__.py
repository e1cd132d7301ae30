"""Stand-ins for Mesos, one for each part of it and each level at which the tests meet it; README.md has the table."""
