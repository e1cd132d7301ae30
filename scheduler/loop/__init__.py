"""The loop around the core: it receives events, commits changes, acts, answers, and acknowledges - in that order."""
