"""Which values of the prediction and the label are the positive event, which are not, and which are good for people."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from apps.ml.errors import BadInputError
from apps.ml.evaluation.statistics.shares.rates import Favourable

POSITIVE = ("1", "true", "yes")
NEGATIVE = ("0", "false", "no")

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class OutcomeWords:
    """The words of both outcomes, as they were named on the command line.

    Values are compared without regard to case and surrounding blanks, and numbers as numbers (1 is 1.0).

    Parameters
    ----------
    positive : values of the event that is predicted, in prediction and label; default 1, true, yes
    favourable : values that are good for the person; default: the positive ones. Either some of the positive ones, or
        values that all are not positive: then the outcome without the event is the favourable one.
    negative : further values of the outcome without the event
    """

    positive: tuple[str, ...] = ()
    favourable: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        both = self.positive_values & {canonical(word) for word in self.negative}
        if both:
            raise BadInputError(f"--positive and --negative share {len(both)} of their values. Name each in one only.")
        favourable = {canonical(word) for word in self.favourable}
        if favourable & self.positive_values and favourable - self.positive_values:
            raise BadInputError(
                "--favourable names some of the positive values and some others. The favourable outcome is either the "
                "positive event or its absence: name values of one of them only."
            )

    @property
    def positive_values(self) -> frozenset[str]:
        """Canonical values of the positive event."""
        return frozenset(canonical(word) for word in self.positive or POSITIVE)

    @property
    def negative_values(self) -> frozenset[str]:
        """Canonical values that are known not to be the event."""
        favourable = self.favourable if self.favourable_side == "negative" else ()
        named = frozenset(canonical(word) for word in (*self.negative, *favourable))
        return named or (frozenset(NEGATIVE) - self.positive_values)

    @property
    def favourable_side(self) -> Favourable:
        """Which outcome is good for the person."""
        favourable = {canonical(word) for word in self.favourable}
        return "negative" if favourable and not favourable & self.positive_values else "positive"

    @property
    def named(self) -> frozenset[str]:
        """Canonical values that were named on the command line: never missing, even where they look so."""
        return frozenset(canonical(word) for word in (*self.positive, *self.favourable, *self.negative))


def canonical(value: str) -> str:
    """Return a value in the form in which values are compared.

    Examples
    --------
    >>> [canonical(value) for value in (" Yes", "1.0", "-0", "1e3", "Low risk")]
    ['yes', '1', '0', '1000', 'low risk']
    """
    text = unicodedata.normalize("NFC", value.strip()).casefold()
    if not _NUMBER.fullmatch(text):
        return text
    number = float(text)
    if number == 0:
        return "0"
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)


def is_between_zero_and_one(value: str) -> bool:
    """Whether a canonical value is a number strictly between 0 and 1: a probability, and not an outcome."""
    return bool(_NUMBER.fullmatch(value)) and 0.0 < float(value) < 1.0


def is_number(values: Iterable[str]) -> bool:
    """Whether all canonical values are numbers."""
    return all(_NUMBER.fullmatch(value) for value in values)
