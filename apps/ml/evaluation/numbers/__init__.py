"""The evaluation of a model that predicts numbers: how wrong, for whom, and what the numbers depend on.

*Prediction*: the number the model gives, in the unit of the label. *Error*: prediction − label. There are no
decisions, so nothing here is a rate: groups are compared by means, errors and distributions.
"""
