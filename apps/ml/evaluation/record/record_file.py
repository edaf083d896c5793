"""Sign, check, write and read evidence records."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from apps.ml.errors import BadInputError
from apps.ml.evaluation.record.found import KINDS
from apps.ml.evaluation.record.layout import FORMAT, READ_FORMATS, layout_of
from apps.ml.files import read_json, rounded, sha256_of_json, write_json

MOST_NAMED = 5
"""Places that one message names at most."""


def signed(content: Mapping[str, Any], number: int = FORMAT) -> dict[str, Any]:
    """Return the content as it will be read back, with the `number` of the format and the digest in front."""
    body = rounded({"format": number, **{k: v for k, v in content.items() if k not in ("format", "digest")}})
    return {"format": number, "digest": sha256_of_json(body), **body}


def require_layout(record: Mapping[str, Any]) -> None:
    """Check a record against the layout.

    Raises
    ------
    BadInputError
        A key is missing, unknown or of another type; the message names where, and never what stands there.
    """
    try:
        layout_of(record).model_validate(dict(record))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        named = "; ".join(f"{_place(finding['loc'])}: {finding['msg']}" for finding in found[:MOST_NAMED])
        number = record.get("format") if record.get("format") in READ_FORMATS else FORMAT
        more = f"; and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
        raise BadInputError(
            f"the evidence record does not have the layout of format {number}: {named}{more}. "
            "Compare it with docs/contracts/evidence.schema.json and write it anew."
        ) from None


def verify(record: Mapping[str, Any], name: str = "the record") -> None:
    """Check format, digest and layout of a record, also of format 2; `name` is what errors call it.

    Raises
    ------
    BadInputError
        It is of another format, was changed after it was signed, or does not have the layout.
    """
    _require_format(record, name)
    _require_digest(record, name)
    require_layout(record)


def write_evidence(path: Path, record: Mapping[str, Any]) -> None:
    """Check digest and layout of the record, then write it, whole or not at all; always in the present format.

    Raises
    ------
    BadInputError
        As for :func:`verify`; then nothing is written.
    """
    verify(record, path.name)
    write_json(path, record)


def read_evidence(path: Path) -> dict[str, Any]:
    """Read a record and check its format, digest and layout.

    Raises
    ------
    BadInputError
        The file is missing, of another format, was changed after it was signed, or does not have the layout.
    """
    if not path.exists():
        raise BadInputError(f"{path} does not exist. Run `dvc repro` so that model_evaluation writes it.")
    record: dict[str, Any] = read_json(path)
    verify(record, str(path))
    return record


def _require_format(record: Mapping[str, Any], name: str) -> None:
    if record.get("format") in READ_FORMATS:
        return
    if record.get("format") == 1:
        raise BadInputError(
            f"{name} is an evidence record of format 1, which has no counts; documents of format {FORMAT} cannot be "
            f"made from it. Run `dvc repro` so that model_evaluation writes format {FORMAT}."
        )
    raise BadInputError(f"{name} is not an evidence record of format {FORMAT}. Run `dvc repro` to write it anew.")


def _require_digest(record: Mapping[str, Any], name: str) -> None:
    if signed(record, record["format"])["digest"] != record.get("digest"):
        raise BadInputError(f"{name} does not match its digest: it was changed. Run `dvc repro` to write it anew.")


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location if part not in KINDS) or "the record"
