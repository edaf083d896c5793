"""Names of one organisation's things, and names like them that exist nowhere.

Whatever another organisation is told when it asks with the first must be what it is told when it asks with the second:
word for word, once names that it sent itself are left out.
"""

import re
from dataclasses import dataclass
from functools import cached_property

from apps.backend.tests.contract.one_of_everything import Everything

NOWHERE_WORD, NOWHERE_MODEL = "neverwhen", "nopename"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")
DIGEST = re.compile(r"\b([0-9a-f]{64}|[0-9a-f]{32})\b")
"""sha256, and ids of requests."""

SECRET = re.compile(r"fm[ks]_[\w-]+")
DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
STORE_ID = re.compile(r"\bitem-\d+")
MASKS = {
    UUID: "<id>",
    MOMENT: "<moment>",
    DAY: "<day>",
    DIGEST: "<digest>",
    SECRET: "<secret>",
    STORE_ID: "<item>",
}


@dataclass(frozen=True)
class Names:
    """Names that are used in requests. `of`: parameter of paths → names."""

    of: dict[str, list[str]]
    organisation: str
    organisation_id: str
    word: str
    model: str
    email: str
    idempotency_key: str
    prediction_id: str

    @property
    def ids(self) -> list[str]:
        """Return every id."""
        return [name for names in self.of.values() for name in names if UUID.fullmatch(name)]

    @cached_property
    def all(self) -> list[str]:
        """Return every name that no other organisation has, the longest first."""
        found = {*self.ids, self.organisation, self.organisation_id, self.word, self.email, self.prediction_id}
        return sorted(found | {self.idempotency_key, self.model}, key=lambda name: (-len(name), name))

    def text(self, what: str) -> str:
        """Return what the people of this organisation wrote about something."""
        return f"{what} of {self.word}"


def names_of(owner: Everything, more: Everything, prediction_id: str) -> Names:
    """Return the names of an organisation's things: one of each kind, and one of what it has `more`."""
    return Names(
        of={parameter: [*names[:1], *_other_ids(more.names[parameter])] for parameter, names in owner.names.items()},
        organisation=owner.organisation.name,
        organisation_id=owner.organisation.id,
        word=owner.word,
        model=owner.model,
        email=owner.email,
        idempotency_key=owner.idempotency_key,
        prediction_id=prediction_id,
    )


def _other_ids(names: list[str]) -> list[str]:
    return [name for name in names[:1] if UUID.fullmatch(name)]


def nowhere_like(names: Names) -> Names:
    """Return names of the same shape that nothing has; ids keep their moment, so that they sort as the real ones do."""

    def other(name: str) -> str:
        if UUID.fullmatch(name):
            return name[:-6] + f"{int(name[-6:], 16) ^ 0x5A5A5A:06x}"
        return NOWHERE_MODEL if name == names.model else name.replace(names.word, NOWHERE_WORD)

    return Names(
        of={parameter: [other(name) for name in found] for parameter, found in names.of.items()},
        organisation=other(names.organisation),
        organisation_id=other(names.organisation_id),
        word=NOWHERE_WORD,
        model=NOWHERE_MODEL,
        email=other(names.email),
        idempotency_key=other(names.idempotency_key),
        prediction_id=other(names.prediction_id),
    )


def masked(text: str, strange: Names, own: Everything) -> str:
    """Return an answer without what differs between two organisations that do the same at different moments.

    A stranger's name becomes its place among the stranger's names: two answers that hold the same stranger's things in
    the same places are the same.
    """
    pairs = [(name, f"<strange {place}>") for place, name in enumerate(strange.all)]
    for name, shown in [*pairs, (own.organisation.name, "<own>"), (own.word, "<own word>")]:
        text = text.replace(name, shown)
    for pattern, shown in MASKS.items():
        text = pattern.sub(shown, text)
    return text
