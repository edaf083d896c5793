"""The Python client of the model server: httpx and the standard library, no package of machine learning.

Words of this folder:

- *call*: one question of the caller, however often it is sent;
- *try*: one sending of a call; a call has up to `Retries.tries`, all of them before its deadline;
- *end*: what a try ended with: a whole reply, or none and why;
- *outcome*: what came of a prediction, reported later.

`ModelClient` blocks, `AsyncModelClient` is awaited; all that is not network is shared by both. Asking again is safe: a
repeated prediction is one more entry of the prediction log, and outcomes may be reported again.
"""

from apps.ml.deployment.client.answers import Column, Prediction, Predictions, Readiness, ServedVersion
from apps.ml.deployment.client.async_model_client import AsyncModelClient
from apps.ml.deployment.client.errors import (
    BadAnswerError,
    ConnectionFailedError,
    Misfit,
    ModelServerError,
    RefusedError,
    UnavailableError,
)
from apps.ml.deployment.client.explanations import Change, Contribution, Counterfactual, Explanation, Reason
from apps.ml.deployment.client.model_client import ModelClient
from apps.ml.deployment.client.outcomes import Outcome
from apps.ml.deployment.client.settings import Clock, Retries, Timeouts

__all__ = [
    "AsyncModelClient",
    "BadAnswerError",
    "Change",
    "Clock",
    "Column",
    "ConnectionFailedError",
    "Contribution",
    "Counterfactual",
    "Explanation",
    "Misfit",
    "ModelClient",
    "ModelServerError",
    "Outcome",
    "Prediction",
    "Predictions",
    "Readiness",
    "Reason",
    "RefusedError",
    "Retries",
    "ServedVersion",
    "Timeouts",
    "UnavailableError",
]
