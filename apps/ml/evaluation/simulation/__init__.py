"""Does the inference keep its promises? Draws groups from known rates and counts how often each method is right.

A *setting* is a number of groups with their true rates and rows. A *method* turns counts into an interval and a
verdict: ours, Bonferroni over all pairs, the plain estimate held against the limit, and the percentile bootstrap. A
*study* runs every method on the same drawn counts and reports, per setting:

- *coverage*: how often the interval holds the true gap or ratio;
- *fail*: how often a gate says FAIL. Where the truth is within the limit that is a false alarm, else power.

Only counts are drawn, never rows: a group's successes are binomial, and nothing else enters.
"""
