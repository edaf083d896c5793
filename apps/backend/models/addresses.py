"""How models, versions and documents are named in paths, and what people write about them."""

from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, StringConstraints

MODEL = r"^[^\x00-\x1f\x7f/]{1,200}$"
VERSION = r"^[1-9][0-9]{0,8}$"
DOCUMENT = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
ModelPath = Annotated[str, Path(pattern=MODEL, description="The model's name in the registry.")]
VersionPath = Annotated[str, Path(pattern=VERSION, description="The version's number.")]
DocumentPath = Annotated[str, Path(pattern=DOCUMENT, description="A name from the list of documents.")]

ModelName = Annotated[str, StringConstraints(pattern=MODEL)]
VersionNumber = Annotated[str, StringConstraints(pattern=VERSION)]


def _written(text: str) -> str:
    """Refuse what nobody can read."""
    if not printable(text).strip():
        raise ValueError("it says nothing. Write why.")
    return text


def printable(text: str) -> str:
    """Return a text with every character that cannot be printed as a space, but for tabs and ends of lines."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else " " for letter in text)


Words = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1500), AfterValidator(_written)
]
"""What somebody says about a version."""
