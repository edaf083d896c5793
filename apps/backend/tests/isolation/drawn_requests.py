"""Requests that are drawn: any operation, own and strangers' names in path, query and body as chance has it."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from apps.backend.tests.contract.one_of_everything import Everything
from apps.backend.tests.isolation.asking_everything import BELONGING, BODIES, MORE_BODIES, QUERIES, Asked, Operation
from apps.backend.tests.isolation.asking_everything import request_of as made_of
from apps.backend.tests.isolation.strangers_names import Names

ODDS = 3
"""One leaf of a body in so many becomes a stranger's name."""


class Draws:
    """Numbers that were drawn; those that are missing are 0."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers = iter(numbers)

    def below(self, most: int) -> int:
        """Return the next number, from 0 to `most` − 1."""
        return next(self._numbers, 0) % most

    def one_of(self, choices: Sequence[Any]) -> Any:
        """Return one of them."""
        return choices[self.below(len(choices))]


def drawn_request(operation: Operation, strange: Names, own: Everything, numbers: Sequence[int]) -> Asked:
    """Return the request that these numbers stand for: the same numbers, the same places of own and strange names."""
    draws, is_strange, names = Draws(numbers), False, {}
    for name in operation.path_names:
        is_own = name not in BELONGING or draws.below(2) == 0
        names[name] = draws.one_of(own.names[name] if is_own else strange.of[name])
        is_strange |= not is_own
    query = tuple(
        (name, str(draws.one_of(values)))
        for name in operation.query_names
        if (values := QUERIES[name](strange)) and draws.below(2)
    )
    bodies = [table[operation.id](strange, own) for table in (BODIES, MORE_BODIES) if operation.id in table]
    body = draws.one_of(bodies) if bodies else None
    if body is not None and "files" not in body:
        body = _with_names(copy.deepcopy(body), strange, draws)
    return made_of(operation, operation.path.format(**names), is_strange, strange, body, query)


def _with_names(body: Any, strange: Names, draws: Draws) -> Any:
    for container, place in list(_leaves(body)):
        if draws.below(ODDS) == 1:
            container[place] = draws.one_of(strange.all)
    return body


def _leaves(part: Any) -> Iterator[tuple[Any, Any]]:
    """Yield container and place of every text."""
    places = part.items() if isinstance(part, dict) else enumerate(part)
    for place, value in places:
        if isinstance(value, dict | list):
            yield from _leaves(value)
        elif isinstance(value, str):
            yield part, place
