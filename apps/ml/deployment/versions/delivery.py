"""Deliveries of a webhook: whether they come from the holder of the secret, are fresh, and come for the first time.

References: mlflow.org, "Webhooks" (signature `v1,base64(HMAC-SHA256(secret, "id.timestamp.body"))`), which follows
standardwebhooks.com.
"""

import base64
import hashlib
import hmac
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from http import HTTPStatus

from apps.ml.deployment.requests.refusals import RefusalError
from apps.ml.errors import BadInputError

SECRET_VARIABLE = "FAIRMIND_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
PLACEHOLDERS = ("change", "default", "example", "password", "placeholder", "secret", "todo", "your", "xxx")
FEWEST_CHARACTERS = 16
FEWEST_DISTINCT = 6

SIGNATURE_HEADER = "x-mlflow-signature"
DELIVERY_HEADER = "x-mlflow-delivery-id"
TIMESTAMP_HEADER = "x-mlflow-timestamp"
SIGNATURE_VERSION = "v1"
OLDEST_SECONDS = 300.0
MOST_REMEMBERED = 10_000
LONGEST_HEADER = 200


class DeliveryCheck:
    """Checks deliveries against one secret. To be used by one thread at a time."""

    def __init__(self, secret: str, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret.encode()
        self._clock = clock
        self._seen: OrderedDict[str, float] = OrderedDict()

    def admit(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Return whether a genuine delivery comes for the first time.

        Raises
        ------
        RefusalError
            401: a header is missing, the signature is another one, or the delivery is older (or newer) than 5 minutes.
        """
        delivery, timestamp = headers.get(DELIVERY_HEADER, ""), headers.get(TIMESTAMP_HEADER, "")
        expected = signature(self._secret, delivery, timestamp, body)
        given = headers.get(SIGNATURE_HEADER, "")
        if not delivery or not hmac.compare_digest(expected.encode(), given.encode()):
            message = "The delivery is not signed with this server's secret. Give the webhook the same secret."
            raise RefusalError(HTTPStatus.UNAUTHORIZED, "bad_signature", message)
        now = self._clock()
        if not _is_fresh(timestamp, now):
            message = "The delivery is more than 5 minutes old or ahead. Set the clocks and deliver it again."
            raise RefusalError(HTTPStatus.UNAUTHORIZED, "stale_delivery", message)
        return self._is_first(delivery, now)

    def _is_first(self, delivery: str, now: float) -> bool:
        """Remember as long as a delivery could be fresh; only the holder of the secret can fill this memory."""
        while self._seen and (
            len(self._seen) >= MOST_REMEMBERED or now - next(iter(self._seen.values())) > 2 * OLDEST_SECONDS
        ):
            self._seen.popitem(last=False)
        if delivery in self._seen:
            return False
        self._seen[delivery] = now
        return True


def signature(secret: bytes, delivery: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a delivery, as its header holds it."""
    signed = delivery.encode() + b"." + timestamp.encode() + b"." + body
    digest = hmac.new(secret, signed, hashlib.sha256).digest()
    return f"{SIGNATURE_VERSION},{base64.b64encode(digest).decode()}"


def webhook_secret() -> str | None:
    """Return FAIRMIND_WEBHOOK_SECRET; None where there is none, and then no webhook is answered.

    Raises
    ------
    BadInputError
        It is a placeholder or too short to be a secret.
    """
    secret = os.environ.get(SECRET_VARIABLE)
    if not secret:
        return None
    is_guessable = len(secret) < FEWEST_CHARACTERS or len(set(secret)) < FEWEST_DISTINCT
    if is_guessable or secret.lower().startswith(PLACEHOLDERS):
        raise BadInputError(
            f"{SECRET_VARIABLE} is too short or a placeholder. Make one with `openssl rand -base64 32` and give it to "
            "the webhook too."
        )
    return secret


def _is_fresh(timestamp: str, now: float) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < LONGEST_HEADER):
        return False
    return abs(now - int(timestamp)) <= OLDEST_SECONDS
