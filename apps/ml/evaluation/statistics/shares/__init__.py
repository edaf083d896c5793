"""Shares of rows: rates, their intervals, and the largest gap or worst ratio of several groups.

A *contrast* is a difference or the logarithm of a ratio of two groups' shares.
"""
