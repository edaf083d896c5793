"""Several models on the same rows: what differs beyond noise, and by how much.

- *answered rows*: labels, scores, decisions and groups of one model's test rows, by their number in the source.
- *baseline*: the model that all others are held against; every difference is other − baseline.
- *pair*: the rows that both models answered; their errors go together, so a paired difference is known better than two
  intervals side by side suggest.
- *family*: all differences of one comparison, over metrics, attributes and models. Verdicts hold for all of them at
  once, by Holm's step-down.
- *verdict*: `better` or `worse` than the baseline, `no difference shown`, or `undefined` with a reason. A difference
  whose interval includes 0 is never better nor worse.
- *front*: the models that no other one beats in both a performance and an unfairness.
"""
