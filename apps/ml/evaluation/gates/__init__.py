"""Gates: what the evidence must show before a version may serve.

*Gate*: a declared limit on one measurement, fixed or relative to the champion. *Guard*: a check against evidence that
is good for a bad reason. *Policy*: what decisions may depend on. *Verdict*: PASS, FAIL or INCONCLUSIVE, judged by the
whole interval and never PASS for want of evidence. docs/ml/gates.md states every rule.
"""
