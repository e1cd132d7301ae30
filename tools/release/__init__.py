"""``make dist``: the files of a release, and their checksums. The same tree gives the same bytes."""
