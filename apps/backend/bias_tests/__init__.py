"""Bias tests: data sets that were uploaded, and audits of the decisions in them, as the dashboard asks for them.

*Data set*: a table of decisions about people that an organisation uploaded, one row per person. *Bias test*: one audit
of a data set by one sensitive attribute, kept whole with the engine's evidence record. *Metric*: a question of the
dashboard, answered by one measurement of the engine beside one limit. *Verdict*: PASS, FAIL or INCONCLUSIVE as the
engine judged it, or UNDEFINED where there was nothing to measure. Nothing is computed here: numbers, intervals and
verdicts are the evidence service's. docs/api/backend_bias_tests.md says how they are put together.
"""
