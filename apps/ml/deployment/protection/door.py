"""The door: every request is let in or turned away here, in microseconds, from memory alone.

The order is that of cost and of what may be told: whether the server takes requests at all, whether it has room, whose
key it is, what the key may do, how often.
"""

import threading
from collections.abc import Sequence
from http import HTTPStatus

from sqlalchemy import Engine

from apps.ml.deployment.protection.door_settings import DoorSettings
from apps.ml.deployment.protection.key_ring import KeyRing, KnownKey, RingSettings
from apps.ml.deployment.protection.request_ids import request_id
from apps.ml.deployment.protection.response_headers import Headers, answer_headers, security_headers
from apps.ml.deployment.protection.token_bucket import whole_seconds
from apps.ml.deployment.protection.wrong_keys import WrongKeys
from apps.ml.deployment.requests.caller import Caller
from apps.ml.deployment.requests.refusals import RefusalError

BUSY_SECONDS = 1.0
DRAIN_SECONDS = 5.0
UNKNOWN_KEYS_SECONDS = 5.0
BEARER = b"bearer "
REALM = 'Bearer realm="fairmind"'


class TurnedAwayError(RefusalError):
    """A request is not let in. `request`: its id; `key`: the name of its key, None where no valid one was shown."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        message: str,
        headers: dict[str, str],
        request: str,
        key: str | None = None,
    ) -> None:
        super().__init__(status, code, message, headers=headers)
        self.request = request
        self.key = key


class Door:
    """Counts who is inside and turns away who may not enter; safe to use from several threads.

    `ring` is needed where keys are required. Whoever was admitted leaves exactly once; whoever was refused is not
    inside.
    """

    def __init__(self, settings: DoorSettings, ring: KeyRing | None = None) -> None:
        if settings.keys_required and ring is None:
            raise ValueError("a door that requires keys needs a ring")
        self.settings = settings
        self.security_headers = security_headers(settings.https)
        self._ring = ring if settings.keys_required else None
        self._wrong_keys = WrongKeys(settings.wrong_keys_per_minute)
        self._room = settings.in_flight
        self._inside = 0
        self._draining = False
        self._lock = threading.Lock()

    @property
    def draining(self) -> bool:
        """Whether new requests are turned away for good; /readyz must say so."""
        return self._draining

    @property
    def in_flight(self) -> int:
        """Requests that were admitted and have not left."""
        return self._inside

    def admit(self, headers: Sequence[tuple[bytes, bytes]], scope: str, address: str | None = None) -> Caller:
        """Let a request in and return who asks; :meth:`leave` must follow once it is answered.

        Parameters
        ----------
        headers
            As ASGI gives them: names in lower case.
        scope
            What the path needs.
        address
            Where the request came from, to bound wrong keys by; None: not known.

        Raises
        ------
        TurnedAwayError
            503 draining, full, or keys out of date; 401 no valid key; 403 without the scope; 429 too often, or too
            many wrong keys. 429 and 503 say when to try again.
        """
        given = dict(headers)
        request = request_id(given.get(b"x-request-id"))
        self._take_place(request)
        ring = self._ring
        if ring is None:
            return Caller(request)
        try:
            key = self._holder(ring, given, request, address)
            _require_allowed(key, scope, request)
        except TurnedAwayError:
            self.leave()
            raise
        return Caller(request, key.name, key.scopes)

    def leave(self) -> None:
        """Give the place of an admitted request free."""
        with self._lock:
            self._inside -= 1

    def greet(self, headers: Sequence[tuple[bytes, bytes]]) -> Caller:
        """Return the caller of a path that is open to everybody: no scopes, no place taken."""
        return Caller(request_id(dict(headers).get(b"x-request-id")), None, frozenset())

    def answer_headers(self, request: str) -> Headers:
        """Return what every answer to a request must carry besides its own headers."""
        return answer_headers(self.security_headers, request)

    def drain(self) -> None:
        """Turn every new request away from now on; those inside are answered."""
        self._draining = True

    def trouble(self) -> str | None:
        """Return why the door cannot do its work, for /readyz; None where it can."""
        return None if self._ring is None else self._ring.trouble()

    def close(self) -> None:
        """Stop reading keys."""
        if self._ring is not None:
            self._ring.close()

    def _take_place(self, request: str) -> None:
        if self._draining:
            message = "The server is about to end. Send the request again: another process takes it."
            headers = {"Retry-After": whole_seconds(DRAIN_SECONDS), "Connection": "close"}
            raise TurnedAwayError(HTTPStatus.SERVICE_UNAVAILABLE, "draining", message, headers, request)
        with self._lock:
            if self._inside < self._room:
                self._inside += 1
                return
        message = "The server works on as many requests as it can. Try again later."
        headers = {"Retry-After": whole_seconds(BUSY_SECONDS)}
        raise TurnedAwayError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", message, headers, request)

    def _holder(self, ring: KeyRing, given: dict[bytes, bytes], request: str, address: str | None) -> KnownKey:
        text = _presented(given)
        if text is None:
            message = "The request shows no API key. Send it as `Authorization: Bearer <key>` or `X-API-Key: <key>`."
            raise TurnedAwayError(HTTPStatus.UNAUTHORIZED, "key_missing", message, {"WWW-Authenticate": REALM}, request)
        if not ring.known:
            message = "The server cannot tell which API keys are valid. Try again later."
            headers = {"Retry-After": whole_seconds(UNKNOWN_KEYS_SECONDS)}
            raise TurnedAwayError(HTTPStatus.SERVICE_UNAVAILABLE, "keys_unknown", message, headers, request)
        key = ring.find(text)
        if key is None:
            raise self._wrong_key(request, address)
        return key

    def _wrong_key(self, request: str, address: str | None) -> TurnedAwayError:
        wait = self._wrong_keys.count(address)
        if wait > 0.0:
            message = "Too many requests came from this address with keys that are not valid. Mend the key, then wait."
            headers = {"Retry-After": whole_seconds(wait)}
            return TurnedAwayError(HTTPStatus.TOO_MANY_REQUESTS, "wrong_keys", message, headers, request)
        message = "The API key is not valid: unknown, expired or revoked. Ask the operator of the server for one."
        headers = {"WWW-Authenticate": f'{REALM}, error="invalid_token"'}
        return TurnedAwayError(HTTPStatus.UNAUTHORIZED, "key_invalid", message, headers, request)


def _presented(given: dict[bytes, bytes]) -> bytes | None:
    """The key's text; `X-API-Key` counts where both headers are there: a proxy may use the other one for itself."""
    text = given.get(b"x-api-key")
    if text is not None:
        return text
    authorization = given.get(b"authorization")
    if authorization is not None and authorization[: len(BEARER)].lower() == BEARER:
        return authorization[len(BEARER) :].strip()
    return None


def _require_allowed(key: KnownKey, scope: str, request: str) -> None:
    if scope not in key.scopes:
        message = f"The API key lacks the scope `{scope}`. Ask the operator of the server for a key that has it."
        headers = {"WWW-Authenticate": f'{REALM}, error="insufficient_scope", scope="{scope}"'}
        raise TurnedAwayError(HTTPStatus.FORBIDDEN, "scope_missing", message, headers, request, key.name)
    if key.bucket is None:
        return
    wait = key.bucket.take()
    if wait > 0.0:
        message = "The API key sent more requests than its rate allows. Wait as long as `Retry-After` says."
        headers = {"Retry-After": whole_seconds(wait)}
        raise TurnedAwayError(HTTPStatus.TOO_MANY_REQUESTS, "rate_exceeded", message, headers, request, key.name)


def open_door(settings: DoorSettings, engine: Engine | None) -> Door:
    """Return a door whose keys come from `engine` and stay fresh until it is closed; None: where no key is required.

    To be called in each process that serves.
    """
    if not settings.keys_required:
        return Door(settings)
    if engine is None:
        raise ValueError("a door that requires keys needs a database")
    ring = KeyRing(
        engine,
        RingSettings(settings.refresh_seconds, settings.stale_seconds, settings.per_minute, settings.processes),
    )
    ring.start()
    return Door(settings, ring)
