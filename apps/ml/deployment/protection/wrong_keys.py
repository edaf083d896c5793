"""How often an address may present keys that nobody holds.

A right key passes however many wrong ones came from its address: many clients share an address behind a proxy, and one
of them must not lock the others out. Guesses are hopeless anyway (see :mod:`key_text`); the bound is on their noise.
"""

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from apps.ml.deployment.protection.token_bucket import TokenBucket

ADDRESSES = 4096
"""Addresses that are remembered; the one that was heard of longest ago is forgotten first."""

IPV6_NETWORK_BITS = 64
"""A host has a whole network of this size to itself."""


class WrongKeys:
    """Counts wrong keys by address in bounded memory; safe to use from several threads."""

    def __init__(
        self, per_minute: int, clock: Callable[[], int] = time.monotonic_ns, addresses: int = ADDRESSES
    ) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._addresses = addresses
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._buckets)

    def count(self, address: str | None) -> float:
        """Count one wrong key; return 0, or the seconds until that address may be wrong again."""
        network = _network(address)
        with self._lock:
            bucket = self._buckets.get(network)
            if bucket is None:
                bucket = self._buckets[network] = TokenBucket(self._per_minute, self._clock)
            self._buckets.move_to_end(network)
            if len(self._buckets) > self._addresses:
                self._buckets.popitem(last=False)
            return bucket.take()


def _network(address: str | None) -> str:
    """The address, of IPv6 its network; whatever is no address counts as one."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return ""
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((found.packed, IPV6_NETWORK_BITS), strict=False))
