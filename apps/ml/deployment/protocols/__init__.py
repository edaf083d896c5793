"""Protocols of others that known clients speak: MLflow scoring, Open Inference Protocol 2, KServe 1."""
