"""Passwords, kept as Argon2id hashes; hashing takes time and memory on purpose and is done beside the event loop.

References: RFC 9106, section 4 (the second recommended option: 64 MiB, 3 passes, 4 lanes). NIST SP 800-63B, section
5.1.1.2 (normalisation, salted and slow hashes).
"""

import asyncio
import base64
import os
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerifyMismatchError

from apps.backend.problems import unavailable

TIME_COST = 3
MEMORY_COST = 64 << 10
PARALLELISM = 4
SALT_BYTES = 16
HASH_BYTES = 32
ARGON2_VERSION = 19
AT_ONCE = 2
MOST_WAITING = 32
BUSY_SECONDS = 2.0
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether a password is the right one; `is_outdated`: its hash was made with other parameters than today's."""

    is_right: bool
    is_outdated: bool = False


class Passwords:
    """Makes and checks hashes, `AT_ONCE` at a time; `MOST_WAITING` more may wait, so that memory is bounded.

    Parameters
    ----------
    time_cost
        Passes over the memory.
    memory_cost
        KiB that one hash fills.
    parallelism
        Lanes of one hash.
    """

    def __init__(
        self, time_cost: int = TIME_COST, memory_cost: int = MEMORY_COST, parallelism: int = PARALLELISM
    ) -> None:
        self._hasher = PasswordHasher(time_cost, memory_cost, parallelism, HASH_BYTES, SALT_BYTES, type=Type.ID)
        parameters = f"m={memory_cost},t={time_cost},p={parallelism}"
        salt, tag = (_unpadded(os.urandom(length)) for length in (SALT_BYTES, HASH_BYTES))
        # Nobody's hash: checking against it takes as long as against a real one, and no password fits it.
        self._dummy = f"$argon2id$v={ARGON2_VERSION}${parameters}${salt}${tag}"
        self._threads = ThreadPoolExecutor(AT_ONCE, "passwords")
        self._inside = 0

    async def hash(self, password: str) -> str:
        """Return what is stored of a password: parameters, a salt of its own, and the hash.

        Raises
        ------
        ProblemError
            503 too many wait already.
        """
        return await self._beside(lambda: self._hasher.hash(_bytes_of(password)))

    async def check(self, stored: str | None, password: str) -> Checked:
        """Tell whether a password fits a stored hash; None: there is nobody, which takes as long and never fits.

        Raises
        ------
        ProblemError
            503 too many wait already.
        """
        return await self._beside(lambda: self._checked(stored, password))

    def _checked(self, stored: str | None, password: str) -> Checked:
        try:
            self._hasher.verify(self._dummy if stored is None else stored, _bytes_of(password))
        except VerifyMismatchError:
            return Checked(is_right=False)
        return Checked(stored is not None, stored is not None and self._hasher.check_needs_rehash(stored))

    async def _beside(self, work: Callable[[], Result]) -> Result:
        if self._inside >= AT_ONCE + MOST_WAITING:
            detail = "Too many people sign in at once. Ask again in a moment."
            raise unavailable("sign_in_busy", detail, BUSY_SECONDS)
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._inside -= 1


def _bytes_of(password: str) -> bytes:
    """The same characters, typed on any keyboard, are the same bytes."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _unpadded(drawn: bytes) -> str:
    return base64.b64encode(drawn).decode("ascii").rstrip("=")
