"""Why something cannot be computed faster than by the bundle; never an error of a caller or an operator."""

from apps.ml.errors import FairMindError


class NotCompiledError(FairMindError):
    """A candidate cannot be built; the message is a reason for `refused`, and another candidate serves."""
