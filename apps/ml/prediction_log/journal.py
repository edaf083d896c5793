"""The journal (see the package): written before an answer is sent, read by the writer."""

from apps.ml.errors import FairMindError


class LogFullError(FairMindError):
    """There is no room for one more entry: the disk is full, or the journal reached its bound."""
