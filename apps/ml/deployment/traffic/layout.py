"""Arms as pieces of one line of places, and changes of weights that move no more subjects than they must.

A change of weights moves places only from arms that shrink to arms that grow: Σ|change| / 2 of the line, the least that
any method can move, and never a place between two arms of which one kept its weight. What an arm gained last it gives
back first, and a change that the next step undoes brings everybody back.

This needs to know the weights before the change. A rule that sees the weights alone cannot do it for four arms or more:
three arms beside the first would each need a region that depends on their own weight only, yet any two of them may
grow to half the line, and three halves do not fit. So the changes are written in the plan, as steps.
"""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

PLACES = 2**32
"""Weights are held to one part in four thousand million."""

Piece = tuple[int, int]
"""First place, and the place behind the last."""

Pieces = list[list[Piece]]
"""For each arm its pieces, in the order in which it gained them."""


@dataclass(frozen=True)
class Layout:
    """`starts`: first places of the pieces, ascending from 0; `owners`: the number of each piece's arm."""

    starts: tuple[int, ...]
    owners: tuple[int, ...]

    def arm_at(self, place: int) -> int:
        """Return the number of the arm that owns a place in [0, 2³²)."""
        return self.owners[bisect.bisect_right(self.starts, place) - 1]


def layouts(steps: Sequence[Sequence[float]]) -> list[Layout]:
    """Return one layout per step; each step holds the weights of all arms, of sum 1.

    In the first layout the first arm lies in the middle, the second at the right end, the third at the left end, the
    fourth beside the second and so on: so two or three arms keep their places even where the weights of the first step
    themselves are edited, as long as it is the first arm that gives or takes.
    """
    sizes = [_sizes(weights) for weights in steps]
    pieces = [_first_pieces(sizes[0])]
    for step in range(1, len(sizes)):
        is_undone = step > 1 and sizes[step] == sizes[step - 2]
        pieces.append(pieces[step - 2] if is_undone else _moved(pieces[step - 1], sizes[step]))
    return [_layout(one) for one in pieces]


def _sizes(weights: Sequence[float]) -> list[int]:
    """Return places per arm; each from its own weight alone, but for the largest, which takes what rounding leaves."""
    sizes = [round(weight * PLACES) for weight in weights]
    largest = sizes.index(max(sizes))
    sizes[largest] += PLACES - sum(sizes)
    return sizes


def _first_pieces(sizes: Sequence[int]) -> Pieces:
    numbers = range(len(sizes))
    left, right = numbers[2::2], numbers[1::2]
    pieces: Pieces = [[] for _ in sizes]
    start = 0
    for number in (*left, 0, *reversed(right)):
        pieces[number] = _piece(start, start + sizes[number])
        start += sizes[number]
    return pieces


def _moved(pieces: Pieces, sizes: Sequence[int]) -> Pieces:
    """Let arms that shrink give what they gained last, and arms that grow take it, the first arm first."""
    kept, freed = [list(own) for own in pieces], list[Piece]()
    for own, size in zip(kept, sizes, strict=True):
        freed += _given(own, _length(own) - size)
    freed.sort(reverse=True)
    for own, size in zip(kept, sizes, strict=True):
        own += _taken(freed, size - _length(own))
    return kept


def _given(own: list[Piece], places: int) -> list[Piece]:
    """Cut `places` off the end of what an arm gained last; `own` is changed."""
    given = []
    while places > 0:
        start, stop = own.pop()
        cut = max(start, stop - places)
        own += _piece(start, cut)
        given.append((cut, stop))
        places -= stop - cut
    return given


def _taken(freed: list[Piece], places: int) -> list[Piece]:
    """Take `places` from the lowest freed pieces, which stand at the end of `freed`; `freed` is changed."""
    taken = []
    while places > 0:
        start, stop = freed.pop()
        cut = min(stop, start + places)
        freed += _piece(cut, stop)
        taken.append((start, cut))
        places -= cut - start
    return taken


def _layout(pieces: Pieces) -> Layout:
    ordered = sorted((start, number) for number, own in enumerate(pieces) for start, _ in own)
    return Layout(tuple(start for start, _ in ordered), tuple(number for _, number in ordered))


def _length(own: Sequence[Piece]) -> int:
    return sum(stop - start for start, stop in own)


def _piece(start: int, stop: int) -> list[Piece]:
    return [(start, stop)] if stop > start else []
