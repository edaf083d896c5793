"""Scorers: the same scores as the bundle, sooner. One serves only if it gives the bundle's own answers.

- *scorer*: turns values of a request into scores and decisions;
- *row encoder*: the transformer of a bundle compiled for single rows and for a few;
- *trees*: a sum of trees, whatever library grew them, in one form that several engines compute;
- *engine*: what computes sums of trees: LightGBM's library, ONNX Runtime, or tables of the leaves that are left;
- *formula*: a fitted part compiled into two functions, for the one row in a buffer and for a matrix of rows;
- *candidate*: a scorer that was built and is not trusted yet;
- *probe*: a made-up row at a place where a wrong scorer would give itself away.
"""
