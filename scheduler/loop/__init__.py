"""The loop around the core: it hears, has things made durable, acts, answers, and acknowledges - in that order."""
