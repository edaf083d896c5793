"""The words that people are named by, as requests hold them."""

import re
import unicodedata
from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, Field, SecretStr, StringConstraints
from pydantic_core import PydanticCustomError

from apps.backend.identifiers import LENGTH
from apps.backend.people.password_rules import LONGEST, SHORTEST

LONGEST_EMAIL = 254
NO_CONTROLS = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+$"
"""No control characters and none that turn the direction of writing, with which one name can be shown as another."""
_UNSEEN = r"\s@\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
EMAIL = re.compile(f"[^{_UNSEEN}]{{1,64}}@[^{_UNSEEN}]+")


def normalised_email(email: str) -> str:
    """Return an email as it is stored and compared: without case.

    Raises
    ------
    PydanticCustomError
        It is no email: something to be seen before one @ and behind it, 254 characters at most.
    """
    found = unicodedata.normalize("NFC", email.lower())
    if len(found) > LONGEST_EMAIL or not EMAIL.fullmatch(found):
        raise PydanticCustomError("email", "Input should be an email, as name@example.org")
    return found


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=NO_CONTROLS),
]
Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=LONGEST_EMAIL),
    AfterValidator(normalised_email),
    Field(json_schema_extra={"format": "email"}),
]
NewPassword = Annotated[
    SecretStr,
    Field(
        min_length=SHORTEST,
        max_length=LONGEST,
        description=f"{SHORTEST} to {LONGEST} characters; without the email and the organisation's name, and none that "
        "is guessed first.",
    ),
]
ShownPassword = Annotated[SecretStr, Field(min_length=1, max_length=LONGEST)]
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
RowId = Annotated[str, Path(min_length=LENGTH, max_length=LENGTH, pattern="^[0-9a-f-]{36}$")]
