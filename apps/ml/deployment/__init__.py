"""The model server: one loaded model version answers prediction requests over HTTP.

Words of this folder:

- *source*: where a model comes from, a registry address (`models:/<name>@<alias>`, `models:/<name>/<version>`) or a
  bundle's folder;
- *served model*: a bundle together with what the registry says about it: name, version, alias, evidence;
- *slot*: the place in the running server that holds the served model, or the reason why there is none yet;
- *ready*: the bundle was loaded and gave exactly the recorded scores for its golden rows;
- *refusal*: a request that is answered with an error, always in one JSON shape and never with the caller's values.

Every protocol turns its request into records and scores them through `scoring.score_records`.
"""
