"""The door: every request is let in or turned away here, in microseconds, from memory alone.

The order is that of cost and of what may be told: whether the server is meant, whether it takes requests at all,
whether it has room, whose key it is, what the key may do, how often.
"""

import threading
from collections.abc import Mapping

from sqlalchemy import Engine

from apps.ml.deployment.protection import turned_away
from apps.ml.deployment.protection.door_settings import DoorSettings
from apps.ml.deployment.protection.key_ring import KeyRing, KnownKey, RingSettings
from apps.ml.deployment.protection.known_hosts import KnownHosts
from apps.ml.deployment.protection.request_ids import request_id
from apps.ml.deployment.protection.response_headers import Headers, answer_headers, security_headers
from apps.ml.deployment.protection.turned_away import TurnedAwayError
from apps.ml.deployment.protection.wrong_keys import WrongKeys
from apps.ml.deployment.requests.caller import Caller

BEARER = b"bearer "
NO_SCOPES: frozenset[str] = frozenset()


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
        self._hosts = None if settings.hosts is None else KnownHosts(settings.hosts)
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

    def admit(self, headers: Mapping[bytes, bytes], scope: str, address: str | None = None) -> Caller:
        """Let a request in and return who asks; :meth:`leave` must follow once it is answered.

        Parameters
        ----------
        headers
            Names in lower case.
        scope
            What the path needs.
        address
            Where the request came from, to bound wrong keys by; None: not known.

        Raises
        ------
        TurnedAwayError
            421 by a name that is not the server's; 503 draining, full, or keys out of date; 401 no valid key; 403
            without the scope; 429 too often, or too many wrong keys. 429 and 503 say when to try again.
        """
        request = self._named(headers)
        if self._draining:
            raise turned_away.draining(request)
        with self._lock:
            full = self._inside >= self._room
            if not full:
                self._inside += 1
        if full:
            raise turned_away.busy(request)
        ring = self._ring
        if ring is None:
            return Caller(request)
        try:
            key = self._holder(ring, headers, scope, request, address)
        except TurnedAwayError:
            self.leave()
            raise
        return Caller(request, key.name, key.scopes)

    def leave(self) -> None:
        """Give the place of an admitted request free."""
        with self._lock:
            self._inside -= 1

    def greet(self, headers: Mapping[bytes, bytes]) -> Caller:
        """Return the caller of a path that is open to everybody: no scopes, no place taken.

        Raises
        ------
        TurnedAwayError
            421 by a name that is not the server's.
        """
        return Caller(self._named(headers), None, NO_SCOPES)

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

    def _named(self, headers: Mapping[bytes, bytes]) -> str:
        """Return the request's id, once it is known to be meant for this server."""
        request = request_id(headers.get(b"x-request-id"))
        if self._hosts is not None:
            host = headers.get(b"host")
            # Browsers always say it; who does not is no page.
            if host is not None and not self._hosts.know(host):
                raise turned_away.misdirected(request)
        return request

    def _holder(
        self, ring: KeyRing, headers: Mapping[bytes, bytes], scope: str, request: str, address: str | None
    ) -> KnownKey:
        """Return the key that opens `scope` and has a token left."""
        # X-API-Key counts where both headers are there: a proxy may use the other one for itself.
        text = headers.get(b"x-api-key")
        if text is None:
            authorization = headers.get(b"authorization", b"")
            if authorization[:7].lower() != BEARER:
                raise turned_away.key_missing(request)
            text = authorization[7:].strip()
        key = ring.find(text)
        if key is None:
            raise self._not_found(ring, request, address)
        if scope not in key.scopes:
            raise turned_away.scope_missing(request, key.name, scope)
        bucket = key.bucket
        if bucket is not None:
            wait = bucket.take()
            if wait > 0.0:
                raise turned_away.rate_exceeded(request, key.name, wait)
        return key

    def _not_found(self, ring: KeyRing, request: str, address: str | None) -> TurnedAwayError:
        if not ring.known:
            return turned_away.keys_unknown(request)
        wait = self._wrong_keys.count(address)
        return turned_away.wrong_keys(request, wait) if wait > 0.0 else turned_away.key_invalid(request)


def open_door(settings: DoorSettings, engine: Engine | None) -> Door:
    """Return a door whose keys come from `engine` and stay fresh until it is closed; None: where no key is required.

    To be called in each process that serves: threads do not outlive a fork.
    """
    if not settings.keys_required:
        return Door(settings)
    if engine is None:
        raise ValueError("a door that requires keys needs a database")
    times = RingSettings(settings.refresh_seconds, settings.stale_seconds, settings.per_minute, settings.processes)
    ring = KeyRing(engine, times)
    ring.start()
    return Door(settings, ring)
