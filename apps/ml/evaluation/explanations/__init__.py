"""Why the model answers as it does, and how far that answer to *why* can be trusted.

Contribution
    What one encoded feature adds to one row's output, so that the contributions and the *base value* together give
    exactly the model's output. They are SHAP values; the *method* names how they were computed and against which
    background, because path-dependent and interventional values differ.
Output
    The scale on which contributions add up: `log-odds` or `probability` of the positive event, or the `value` of a
    numeric label.
Additivity
    Checked here for every explained row, against the score the model gives. Contributions that do not add up are
    undefined, with the reason, and are never shown.
Source column
    The column of the data from which encoded features were made. Contributions of its features are summed.
Importance
    Mean absolute contribution of a source column over sampled rows, with an interval over those rows.
Local surrogate (LIME)
    A linear model fitted around one row. It comes with its fit (R²) and with its stability: how much the leading
    columns agree when the sampling is repeated. It explains the score, not the decision.
Permutation importance
    What the deployed rule loses, and how many of its decisions change, when one column's values are permuted.
Effect
    How the mean score moves with one column: *partial dependence* sets the column to a value in every row, a
    *single-row curve* (ICE) in one, an *accumulated local effect* (ALE) adds up changes within bins only.
Imitating tree
    A small decision tree that imitates the decisions; its *fidelity* is the share of other rows it decides alike.
Gap share
    What a column adds to the gap in mean output between two groups; the parts add up to the gap.
Principal reason, counterfactual
    Why a person was decided against, in words, and the smallest change that would lead to the other decision.

Rows are named by their number in the source alone; no explanation holds a person's values.
"""
