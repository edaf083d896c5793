"""Which passwords are refused: those that are guessed first.

Length is what counts; characters of several kinds are not asked for, and nobody has to change a password because time
has passed.

References: NIST SP 800-63B, section 5.1.1.2 (memorized secret verifiers).
"""

import secrets
import string
import unicodedata
from collections.abc import Iterable
from http import HTTPStatus

from apps.backend.problems import Misfit, ProblemError

SHORTEST = 12
LONGEST = 200
FEWEST_CHARACTERS = 5
SHORTEST_PERSONAL = 4
GENERATED_BYTES = 18
COMMON = frozenset(
    ("admin", "administrator", "changeme", "correcthorsebatterystaple", "default", "example", "fairmind", "iloveyou",
     "letmein", "master", "monkey", "dragon", "password", "passwort", "passphrase", "placeholder", "qwerty", "qwertz",
     "azerty", "secret", "superuser", "sunshine", "football", "baseball", "princess", "trustno", "welcome", "test",
     "testing", "user", "username", "temporary", "mypassword", "yourpassword", "thisisapassword")
)  # fmt: skip
ROWS = (
    "0123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
)
"""What lies side by side on keyboards and in the alphabet."""
FIGURES_AND_SIGNS = string.digits + string.punctuation + string.whitespace
LOOKALIKES = str.maketrans({"@": "a", "4": "a", "3": "e", "1": "i", "!": "i", "0": "o", "$": "s", "5": "s", "7": "t"})


def generated_password() -> str:
    """Return a password of 144 bits that nobody chose."""
    return secrets.token_urlsafe(GENERATED_BYTES)


def require_strong(password: str, personal: Iterable[str], location: str = "body.password") -> None:
    """Refuse a password that is guessed first.

    Parameters
    ----------
    personal
        What is known of its owner: email, organisation, name.
    location
        Where the request holds the password.

    Raises
    ------
    ProblemError
        422 `weak_password`; what was sent is not in it.
    """
    why = weakness(password, personal)
    if why is not None:
        misfit = Misfit(location=location, problem=why, expected=f"{SHORTEST} to {LONGEST} characters, hard to guess")
        detail = f"The password is easy to guess: {why}. Choose another, best a few words that do not belong together."
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "weak_password", detail, [misfit])


def weakness(password: str, personal: Iterable[str] = ()) -> str | None:
    """Return why a password is guessed first; None: nothing that is known here speaks against it."""
    if not SHORTEST <= len(password) <= LONGEST:
        return f"it has fewer than {SHORTEST} or more than {LONGEST} characters"
    plain = _folded(password)
    if any(part in plain for part in _parts(personal)):
        return "it holds the email, a name or the organisation"
    if len(set(plain)) < FEWEST_CHARACTERS or _repeats(plain):
        return "it is few characters again and again"
    if _follows_a_row(plain):
        return "its characters follow one another on the keyboard or in the alphabet"
    if _is_common(plain):
        return "it is a word that everybody tries, with or without figures"
    return None


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _parts(personal: Iterable[str]) -> set[str]:
    """The words themselves, the part of an email before the @, and all of them without spaces."""
    words = {_folded(word) for word in personal}
    words |= {word.partition("@")[0] for word in words}
    words |= {"".join(word.split()) for word in words}
    return {word for word in words if len(word) >= SHORTEST_PERSONAL}


def _repeats(text: str) -> bool:
    """Tell whether a text is one piece twice or more often, as `abcabcabcabc`; the last may be cut off."""
    return any(
        text == (text[:length] * (len(text) // length + 1))[: len(text)] for length in range(1, len(text) // 2 + 1)
    )


def _follows_a_row(text: str) -> bool:
    endless = [row * (LONGEST // len(row) + 2) for row in ROWS]
    return any(text in row or text[::-1] in row for row in endless)


def _is_common(text: str) -> bool:
    """Tell whether a common word stands among figures and signs, also with some of its letters written as those."""
    without_end = text.rstrip(FIGURES_AND_SIGNS)
    written = (text, without_end, without_end.lstrip(FIGURES_AND_SIGNS))
    return any(_letters(each.translate(LOOKALIKES)) in COMMON or _letters(each) in COMMON for each in written)


def _letters(text: str) -> str:
    return "".join(character for character in text if character.isalpha())
