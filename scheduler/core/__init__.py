"""The pure core: from (world, event, now) to (changes, effects), without I/O, clock, randomness or logging."""
