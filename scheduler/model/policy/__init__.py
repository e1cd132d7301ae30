"""The operator's policy: which definitions are accepted, how much pods may request, and which secrets they may use.

``contents`` says what a policy consists of, ``reading`` reads one, and ``judgement`` applies it to a definition.
Quotas, which depend on the other pods, are the core's.
"""
