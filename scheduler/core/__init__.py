"""The heart: pure functions from (world, event, now) to (changes, effects). No I/O, clock, randomness or logging."""
