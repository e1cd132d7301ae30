"""``make fuzz``: inputs made at random, for everything that reads what others wrote.

A *target* (``targets/``) is one entry point: it makes cases from a random generator, and runs them. A case is bytes,
and names all that happens in it: it runs in a state of its own, so that any case can be run alone. ``watch`` runs a
case and says what is wrong: a *finding*. ``child`` runs the cases of a target in a process with limited memory, and
``runner`` runs these processes side by side, starts them again when one dies, and keeps the input of each finding.

Case N of a target follows from the seed of the run and from N alone. What a target makes its cases from, such as
definitions by hypothesis, is drawn anew for each *round* of cases, also from the seed.

Cases that once failed are in ``corpus/TARGET/``; ``test_corpus.py`` runs them each time.
"""
