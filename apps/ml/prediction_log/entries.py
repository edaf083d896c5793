"""What is written down: the entries of the journal, as compact MessagePack arrays behind one byte of kind."""

from typing import Final, Literal

import msgspec

ANSWER: Final = b"A"
VERSION: Final = b"V"
OUTCOME: Final = b"O"

InputsForm = Literal["instances", "rows"]
"""`instances`: JSON object with a key `instances` that holds one object per row (the body as it came, other keys are
ignored). `rows`: JSON array with one array of values per row, in the order of the version's columns."""


class AnswerEntry(msgspec.Struct, array_like=True, frozen=True):
    """One answered call.

    `call`: its name. `at`: microseconds since 1970. `bundle`: sha256 of the bundle's manifest, which names a version
    entry. `arm`: None where traffic is not split; `shadow:<name>` for answers that nobody got. `key`: the name of the
    API key, None without one. `subject`: digest of the person's or case's name that the caller gave. `scores`: float64
    little-endian, one per row; `decisions`: int8, one per row, None where the model decides nothing.
    """

    call: bytes
    at: int
    bundle: str
    arm: str | None
    route: str
    key: str | None
    subject: str | None
    request: str | None
    form: InputsForm
    inputs: bytes
    scores: bytes
    decisions: bytes | None


class ColumnEntry(msgspec.Struct, array_like=True, frozen=True):
    """One input column of a version; `kind` is `numeric`, `boolean` or `categorical`."""

    name: str
    kind: str
    sensitive: bool


class VersionEntry(msgspec.Struct, array_like=True, frozen=True):
    """A version that begins to serve in a process. `address`: where it was loaded from; `scorer`: what computes."""

    bundle: str
    at: int
    model: str
    version: str | None
    address: str
    evidence: str | None
    threshold: float | None
    scorer: str
    columns: list[ColumnEntry]


class OutcomeEntry(msgspec.Struct, array_like=True, frozen=True):
    """One reported label. `prediction`: the name of a prediction; `label`: 0 or 1, or a number where numbers are
    predicted; `at`: when it was reported; `observed`: when it was observed, both microseconds since 1970."""

    prediction: str
    at: int
    label: float
    observed: int | None
    source: str | None
    key: str | None


Entry = AnswerEntry | VersionEntry | OutcomeEntry
_TYPES: dict[bytes, type[Entry]] = {ANSWER: AnswerEntry, VERSION: VersionEntry, OUTCOME: OutcomeEntry}
_KINDS = {kind: letter for letter, kind in _TYPES.items()}
_ENCODER = msgspec.msgpack.Encoder()
_DECODERS = {letter: msgspec.msgpack.Decoder(kind) for letter, kind in _TYPES.items()}


def encoded(entry: Entry) -> bytes:
    """Return the bytes of an entry."""
    return _KINDS[type(entry)] + _ENCODER.encode(entry)


def decoded(data: bytes) -> Entry:
    """Inverse of :func:`encoded`.

    Raises
    ------
    ValueError
        The bytes are no entry (`msgspec.DecodeError` is one).
    """
    decoder = _DECODERS.get(data[:1])
    if decoder is None:
        raise ValueError("the bytes are no entry of a journal")
    return decoder.decode(data[1:])
