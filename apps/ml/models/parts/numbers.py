"""Numbers of a part as JSON: when they are read, every array has its shape and its bounds, or the part is refused.

A bundle's files may come from anywhere. What reads them looks up entries by the numbers in them, so each number is held
against what it may be before anything is built from it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.errors import BundleError
from apps.ml.files import write_text

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
MOST_WHOLE = 2**53
"""Beyond it float64 no longer tells whole numbers apart."""

REPAIR = "Train the model again or fetch its bundle again."


class CheckedContent:
    """One JSON object with exactly the keys that are expected.

    Parameters
    ----------
    origin
        Names the file, and the place in it, in errors.
    content
        What was read.
    keys
        The keys that it must have, and no others; None: any.
    """

    def __init__(self, origin: str, content: Any, keys: Sequence[str] | None = None) -> None:
        if not isinstance(content, dict) or (keys is not None and set(content) != set(keys)):
            wanted = "an object" if keys is None else f"an object of exactly {', '.join(keys)}"
            raise BundleError(f"{origin} is not {wanted}. {REPAIR}")
        self.origin = origin
        self._content = content

    def __getitem__(self, key: str) -> Any:
        if key not in self._content:
            raise BundleError(f"{self.origin} lacks '{key}'. {REPAIR}")
        return self._content[key]

    def inner(self, key: str, keys: Sequence[str] | None = None) -> "CheckedContent":
        """Return the object under `key`."""
        return CheckedContent(f"{self.origin}: '{key}'", self[key], keys)

    def objects(self, key: str, keys: Sequence[str] | None = None) -> list["CheckedContent"]:
        """Return the list of objects under `key`."""
        found = self.items(key)
        return [CheckedContent(f"{self.origin}: '{key}' {place}", one, keys) for place, one in enumerate(found)]

    def items(self, key: str) -> list[Any]:
        """Return the list under `key`."""
        found = self[key]
        self.require(isinstance(found, list), key, "a list")
        return list(found)

    def text(self, key: str, among: Sequence[str]) -> str:
        """Return one of some words."""
        found = self[key]
        self.require(isinstance(found, str) and found in among, key, f"one of {', '.join(among)}")
        return str(found)

    def number(self, key: str, low: float = -np.inf, high: float = np.inf) -> float:
        """Return a finite number in [low, high]."""
        return float(self.floats(key, (), low, high))

    def whole(self, key: str, low: int, high: int = MOST_WHOLE) -> int:
        """Return a whole number in [low, high]."""
        return int(self.integers(key, (), low, high))

    def floats(self, key: str, shape: Sequence[int | None], low: float = -np.inf, high: float = np.inf) -> Floats:
        """Return finite numbers in [low, high] of a shape whose open dimensions are None."""
        found = self._array(key, shape)
        self.require(found.dtype.kind in "fiu", key, "numbers")
        numbers = found.astype(np.float64)
        sound = np.isfinite(numbers) & (numbers >= low) & (numbers <= high)
        self.require(bool(sound.all()), key, f"finite and between {low:g} and {high:g}; {int(np.sum(~sound))} are not")
        return numbers

    def integers(self, key: str, shape: Sequence[int | None], low: int, high: int) -> Integers:
        """Return whole numbers in [low, high], both included, of a shape whose open dimensions are None."""
        found = self._array(key, shape)
        self.require(found.dtype.kind == "i" or not found.size, key, "whole numbers")
        wrong = int(np.sum((found < low) | (found > high)))
        self.require(not wrong, key, f"between {low} and {high}; {wrong} are not")
        return found.astype(np.int64)

    def require(self, holds: bool, key: str, expected: str) -> None:
        """Refuse the file unless `holds`.

        Raises
        ------
        BundleError
            Names the file, the key and what was expected.
        """
        if not holds:
            raise BundleError(f"{self.origin}: '{key}' is not {expected}. {REPAIR}")

    def _array(self, key: str, shape: Sequence[int | None]) -> npt.NDArray[Any]:
        try:
            found = np.array(self[key])
        except (ValueError, OverflowError):
            found = np.empty(0, dtype=object)
        fits = found.ndim == len(shape) and all(
            expected in (None, size) for size, expected in zip(found.shape, shape, strict=True)
        )
        words = " × ".join("any" if size is None else str(size) for size in shape) or "one number"
        self.require(fits, key, f"an array of {words}")
        return found


def write_numbers(path: Path, content: Any) -> None:
    """Write JSON whose floats come back bit for bit, without spaces: tables hold many numbers."""
    write_text(path, json.dumps(content, separators=(",", ":"), allow_nan=False))


def read_checked(path: Path, keys: Sequence[str] | None = None) -> CheckedContent:
    """Read a JSON object.

    Raises
    ------
    BundleError
        The file is missing, is not JSON, nests too deeply, names a key twice, or has other keys.
    """
    return CheckedContent(str(path), parsed(read_text(path), str(path)), keys)


def read_text(path: Path) -> str:
    """Read UTF-8 text; :class:`BundleError` names the file that is missing or holds none."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BundleError(f"{path} does not exist. {REPAIR}") from None
    except UnicodeDecodeError:
        raise BundleError(f"{path} is not text. {REPAIR}") from None


def parsed(text: str, origin: str) -> Any:
    """Return what a JSON text says; :class:`BundleError` where it is none or names a key twice."""
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise BundleError(f"{origin} is not JSON, or names a key twice. {REPAIR}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers may disagree about which of two equal keys counts, so there must not be any."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found
