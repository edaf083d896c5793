"""What a fitted model is made of and how each part is stored: trees, curves, ensembles, adjustments.

A part of our own has a `kind`, gives numbers for encoded features, and writes itself into a folder as plain text and
numbers; :mod:`apps.ml.models.parts.storage` reads it back. Estimators of scikit-learn are parts too, stored by skops.
"""
