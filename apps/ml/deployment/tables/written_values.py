"""Values as texts write them: one set of rules for CSV bodies of requests and for CSV files of a batch."""

from typing import Final

DECIMAL: Final = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
"""A whole text that is a number, as a regular expression of Python and of RE2."""

TRUTHS: Final = {"true": True, "false": False}
"""The words of truth values, whatever their case; 1 and 0 are truth values as numbers."""
