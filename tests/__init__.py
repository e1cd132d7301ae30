"""The tests: a folder for each room, the lowest that can show a behaviour."""
