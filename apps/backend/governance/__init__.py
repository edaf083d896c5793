"""The governance link: evidence of versions, sent to a FairMind governance store.

- *system*: what the store calls the thing that a model is a part of; it has the id there;
- *publication*: somebody's wish, or a promotion's consequence, that a version's evidence be sent to a system;
- *item*: one part of that evidence as the store gets it; its *name* follows from organisation, system, digest of the
  evidence and part, so that the same item is sent once, whoever asks for it.
"""
