"""Scoring files that are larger than memory, with the numbers that the server gives.

Words of this folder:

- *job*: one input, one output, and how the one becomes the other;
- *piece*: rows of the input that follow each other, as many as fit into memory with ease; pieces are numbered from 0;
- *part*: what came of one piece, kept in the folder `<OUT>.parts` until all parts are joined;
- *misfit*: a row that does not fit the model's signature; it is never mended by guessing;
- *team*: those who score pieces: this process, processes of this machine, or Ray.

What is in a part depends on the input, the model and the job alone, so that a job that was killed and run again gives
the same bytes as one that was left in peace.
"""
