"""Pictures for people and tables for `dvc plots`, both of the same numbers.

A *plot* is a PNG with a file name, a title and a description in words (for those who cannot see it). Pictures are
byte-stable: no date, no software version, one font that matplotlib brings along, no interactive state. Colours are
those of Okabe and Ito, which people with any colour vision can tell apart; markers and line styles differ as well.

A *table* is a CSV of at most :data:`~apps.ml.evaluation.curves.POINTS` rows with rounded numbers, so that
`dvc plots diff` compares versions.
"""
