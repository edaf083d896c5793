"""By which names a server may be asked for: a guard against web pages that reach it under a name of their own.

A page may let its name lead to 127.0.0.1 once it is loaded (DNS rebinding). The browser then takes the server of its
reader's own machine for the page's, and lets the page read answers. The name stays the page's, in the Host header.

References: RFC 9110, sections 7.2 (Host) and 15.5.20 (421).
"""

import ipaddress
from collections.abc import Iterable

from apps.ml.errors import BadInputError

HOSTS_VARIABLE = "FAIRMIND_HOSTS"
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
LONGEST_NAME = 253


class KnownHosts:
    """Names as a Host header has them, without the port and in lower case; IPv6 addresses in brackets."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(name.encode("ascii") for name in names)

    def know(self, host: bytes) -> bool:
        """Tell whether a Host header, with a port or without, names this server."""
        name, colon, port = host.lower().rpartition(b":")
        if not colon or b"]" in port:  # no port: it was all name
            name = host.lower()
        return name in self._names


def hosts_of(host: str, is_asked_for_keys: bool, is_loopback: bool, given: str) -> frozenset[str] | None:
    """Return the names by which a server that listens on `host` may be asked for; None: by any.

    Where keys are asked for, a page has none and learns nothing. Without keys only a loopback address is checked by
    itself: there it is known how its clients call it. Elsewhere it is if `given`, names separated by commas, says how.

    Raises
    ------
    BadInputError
        `given` is no list of names.
    """
    named = [host_name(part) for part in given.split(",") if part.strip()]
    if is_asked_for_keys or not (is_loopback or named):
        return None
    own = [host_name(host)] if host else []
    return frozenset((*LOOPBACK_NAMES, *own, *named))


def host_name(text: str) -> str:
    """Return a name as a Host header has it.

    Raises
    ------
    BadInputError
        It is neither a name nor an address.
    """
    name = text.strip().lower()
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        if not _is_name(name):
            raise BadInputError(
                f"{HOSTS_VARIABLE} holds what is no name of a host. Write names without scheme and port, separated by "
                "commas."
            ) from None
        return name
    return f"[{address}]" if address.version == 6 else str(address)


def _is_name(text: str) -> bool:
    """Whether a text is made of letters, digits, hyphens, underscores and dots."""
    plain = text.replace("-", "").replace("_", "").replace(".", "")
    return plain.isascii() and plain.isalnum() and len(text) <= LONGEST_NAME
