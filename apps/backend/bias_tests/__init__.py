"""Bias tests: data sets that were uploaded, and audits of the decisions in them, as the dashboard asks for them."""
