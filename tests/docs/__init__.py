"""What the documentation shows works: definitions, commands, answers, links."""
