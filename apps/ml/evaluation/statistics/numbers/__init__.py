"""Numeric predictions against numeric labels: errors with intervals, bins of predictions, distances of distributions."""
