"""Numeric predictions against numeric labels: errors with intervals, bins, distances of distributions."""
