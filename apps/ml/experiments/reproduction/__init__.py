"""Making a run once more from its commit and its parameters, and saying whether the same came out.

- *origin*: the commit, or the commit of a DVC experiment, that a run was made from, with the files that it logged.
- *clone*: a copy of the repository at the origin, without any earlier result and with a cache and a store of its own.
- *reproduction*: what the stages made in the clone, beside what the run is tagged with.
- *verdict*: `identical` (every output has the same digest, every metric the same value), `equal within tolerance` (some
  file differs, no number by more than the tolerance), or `different`.
"""
