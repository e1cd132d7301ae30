"""Changes single places of the core and the executor, and lists the changes that no test notices.

``make mutate`` draws 200 such mutants, runs each with the tests that reach it, and fails if fewer than 95 % are
noticed. ``equivalent.txt`` lists the mutants that no test can notice.

Rejected: mutmut 3. It tries every mutant, a whole night here, and draws no sample; it leaves out properties, decorated
functions and module constants, and marks equivalent mutants by comments in the code.
"""
