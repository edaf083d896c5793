"""Better options, found by trying: every trial is trained and measured on rows that the test never sees.

- *study*: one search: a problem, a space, and every trial so far; named by the digest of what it searches on, so that
  it is never continued on other data or another space.
- *problem*: the folds, encoded once, and what is made small on them.
- *trial*: one suggestion of options, trained in all folds in lock-step.
- *resource*: what a trial is given bit by bit: rounds, epochs or rows. *rung*: how much of it was spent when a trial is
  compared with the others and given up, or not.
- *loss*: the number that is made small; *unfairness*: a second one, a gap between groups.
- *front*: the trials that no other trial beats in both. *winner*: the trial that the rule picks.
"""
