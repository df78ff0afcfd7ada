"""How long models take: every variant in turn, in one run, in CPU time."""
