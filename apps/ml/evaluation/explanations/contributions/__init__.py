"""Contributions of columns to scores: of rows, of groups, and of a local surrogate that stands in for them."""
