"""Which version answers whom: arms with planned weights, and shadows whose answers nobody gets.

Words of this folder:

- *plan*: a file that says who is answered by what: arms, weights, their changes over time, shadows;
- *arm*: one of the versions that callers are divided among, under a name of its own;
- *subject*: the person or case that a request is about; one subject stays with one arm;
- *place*: where a subject lies on a line of 2³² places; arms own pieces of that line (the *layout*);
- *shadow*: a version that scores what others answered, for the log alone.
"""
