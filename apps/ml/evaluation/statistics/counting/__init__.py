"""Counting: columns are checked once, rows are counted jointly, and counts add up over files and days."""
