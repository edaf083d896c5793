"""From encoded features to a saved model that answers for itself.

*Estimator*: what is fitted on encoded features; it has `predict_proba`. The catalogue holds one entry per estimator.
*Score*: the probability that the estimator gives to the positive event, in [0, 1].
*Threshold*: the number that turns scores into decisions; a *decision* is 1 exactly when `score >= threshold`.
*Rule*: the named way in which the threshold was chosen on the validation rows.
*Bundle*: a folder that holds everything needed to score a row (transformer, estimator, threshold, the columns of a
request) and to check that it still does: a digest per file and golden rows. Its format has a number;
docs/ml/bundle_format.md describes it.
*Golden rows*: a few validation rows with the scores that were measured when the bundle was written.
*Reference*: a summary of the training rows, with which later rows are compared.
"""
