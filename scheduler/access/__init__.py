"""Who may do what: principals and their credentials, rules, and the decisions that follow from them.

Knows nothing of HTTP: an ``Authorization`` header goes in, a ``Caller`` comes out, which answers what it may do.
"""
