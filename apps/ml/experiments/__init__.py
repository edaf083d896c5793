"""What becomes of a finished pipeline: one complete run, a version, a champion. The only folder that writes to MLflow.

- *fingerprint*: sha256 over the parameters and the output digests of the first four stages; names one model with its
  evidence, whoever made it and wherever.
- *run*: everything about one fingerprint in the tracking store: parameters, metrics, figures, documents, the model.
  There is one complete run per fingerprint; an incomplete one is replaced.
- *version*: a run's model in the registry, under the name of its data set. Experiments make runs and no versions.
- *candidate*: the alias of the version that the working tree holds; *champion*: the alias of the version that serves.
- *verdict*: what the gates say about the evidence of a version.
- *lineage*: the way back from a version to run, commit, data, evidence and gates.
"""
