"""The evidence record: its layout as types, its digest, and how it is read, checked and written.

*Record*: everything that was found out about one model, or about the decisions in one file, in one JSON document.
*Part*: one key of it. *Digest*: sha256 over everything else in it, so that it changes exactly when a fact changes.
*Layout*: the types of :mod:`~apps.ml.evaluation.record.layout`; docs/contracts/evidence.schema.json is drawn from them.
Nothing here knows a model: a record of decisions is put together by :mod:`~apps.ml.evaluation.record.audit_findings`.
"""
