"""Scores: how they rank, whether they mean what they say, and what they lose."""
