"""What a user says (the pod definition) and what the framework remembers (the runtime records).

No behaviour, no I/O.
"""
