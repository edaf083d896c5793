"""How often somebody may be wrong about a password: bounded for each address and for each account.

A token is taken before a password is checked and given back where it was right, so that many tries at the same time
are no more than many tries in a row. Whether the account exists makes no difference.

References: OWASP Authentication Cheat Sheet, "Login Throttling". ITU-T I.371, annex A (the buckets).
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address

from apps.backend.identity.secrets import digest_of
from apps.backend.problems import ProblemError

WRONG = "wrong_credentials"
"""The code of the problem that a wrong password ends with."""
MOST_KEPT = 10_000
IPV6_HOST_BITS = 64


@dataclass(frozen=True, slots=True)
class Bound:
    """At most `most` wrong tries at once, which come back evenly within `seconds`."""

    most: int
    seconds: float


OF_ACCOUNT = Bound(10, 900.0)
OF_ADDRESS = Bound(50, 900.0)


class Attempts:
    """Buckets in the memory of this process.

    An address from which an account was entered has a bucket of its own for it, so that others who guess cannot lock
    its owner out there. `clock`: seconds from anywhere.
    """

    def __init__(
        self,
        of_account: Bound = OF_ACCOUNT,
        of_address: Bound = OF_ADDRESS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._accounts, self._addresses = _Buckets(of_account, clock), _Buckets(of_address, clock)
        self._entered: dict[bytes, None] = {}

    @contextmanager
    def counted(self, address: str | None, account: str) -> Iterator[None]:
        """Count a try that ends with a problem of the code `WRONG`; other problems, and success, cost nothing.

        Parameters
        ----------
        address
            Of the client, None where it is unknown.
        account
            What is tried, in any words that name it.

        Raises
        ------
        ProblemError
            429 too many were wrong; `Retry-After` says when there may be another.
        """
        network = network_of(address)
        pair, alone = digest_of(f"{network} {account}"), digest_of(account)
        source, target = digest_of(network), pair if pair in self._entered else alone
        wait = max(self._addresses.wait(source), self._accounts.wait(target))
        if wait > 0:
            raise _too_many(wait)
        self._addresses.take(source)
        self._accounts.take(target)
        try:
            yield
        except ProblemError as error:
            if error.code != WRONG:
                self._give_back(source, target)
            raise
        self._give_back(source, target)
        self._remember(pair)

    def _give_back(self, source: bytes, target: bytes) -> None:
        self._addresses.give_back(source)
        self._accounts.give_back(target)

    def _remember(self, pair: bytes) -> None:
        self._entered.pop(pair, None)
        self._entered[pair] = None
        if len(self._entered) > MOST_KEPT:
            del self._entered[next(iter(self._entered))]


class _Buckets:
    """A bucket per key. Where there are too many, those that are nearest to full are given up first."""

    def __init__(self, bound: Bound, clock: Callable[[], float]) -> None:
        self._seconds, self._interval, self._clock = bound.seconds, bound.seconds / bound.most, clock
        self._full_at: dict[bytes, float] = {}

    def wait(self, key: bytes) -> float:
        now = self._clock()
        return max(now, self._full_at.get(key, now)) + self._interval - now - self._seconds

    def take(self, key: bytes) -> None:
        now = self._clock()
        self._full_at[key] = max(now, self._full_at.get(key, now)) + self._interval
        if len(self._full_at) > MOST_KEPT:
            kept = sorted(self._full_at, key=lambda each: self._full_at[each])[MOST_KEPT // 2 :]
            self._full_at = {each: self._full_at[each] for each in kept if self._full_at[each] > now}

    def give_back(self, key: bytes) -> None:
        full_at = self._full_at.get(key)
        if full_at is None:
            return
        if full_at - self._interval > self._clock():
            self._full_at[key] = full_at - self._interval
        else:
            del self._full_at[key]


def network_of(address: str | None) -> str:
    """Return whom an address stands for: an IPv4 address itself, of IPv6 its /64, in which one client picks freely."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return "unknown"
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return f"{IPv6Address(int(found) >> IPV6_HOST_BITS << IPV6_HOST_BITS)}/{IPV6_HOST_BITS}"


def _too_many(wait: float) -> ProblemError:
    detail = "Too many wrong passwords. Wait for the seconds that Retry-After names, or ask an admin for another one."
    headers = {"Retry-After": str(max(1, math.ceil(wait)))}
    return ProblemError(HTTPStatus.TOO_MANY_REQUESTS, "too_many_attempts", detail, headers=headers)
