"""The pod definition (the user's input) and the runtime records (the framework's memory).

No behaviour, no I/O.
"""
